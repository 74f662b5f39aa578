#include "distance_kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define TARGET
#define VECTOR float32x4_t
#define WIDTH 4
#define ZERO() vdupq_n_f32(0)
#define LOAD(p) vld1q_f32(p)
#define LOAD_TAIL(p, n) load_tail(p, n)
#define ADD(a, b) vaddq_f32(a, b)
#define SUM(a) vaddvq_f32(a)

// The first `count` of four lanes, the others zero.
static inline float32x4_t load_tail(const float *from, size_t count) {
    float lanes[4] = {0, 0, 0, 0};
    for (size_t at = 0; at < count; at++) lanes[at] = from[at];
    return vld1q_f32(lanes);
}

static inline float32x4_t step_squared_l2(float32x4_t sum, float32x4_t q, float32x4_t r) {
    float32x4_t difference = vsubq_f32(q, r);
    return vfmaq_f32(sum, difference, difference);
}

static inline float32x4_t step_dot(float32x4_t sum, float32x4_t q, float32x4_t r) {
    return vfmaq_f32(sum, q, r);
}

static inline float32x4_t step_l1(float32x4_t sum, float32x4_t q, float32x4_t r) {
    return vaddq_f32(sum, vabdq_f32(q, r));
}

#define NAME(form) squared_l2_##form
#define STEP(sum, q, r) step_squared_l2(sum, q, r)
#define FINISH(x) (x)
#include "distance_body.h"
#undef NAME
#undef STEP
#undef FINISH

#define NAME(form) negative_dot_##form
#define STEP(sum, q, r) step_dot(sum, q, r)
#define FINISH(x) (-(x))
#include "distance_body.h"
#undef NAME
#undef STEP
#undef FINISH

#define NAME(form) l1_##form
#define STEP(sum, q, r) step_l1(sum, q, r)
#define FINISH(x) (x)
#include "distance_body.h"

const capus_kernels capus_neon_kernels = CAPUS_KERNEL_TABLE;
#endif
