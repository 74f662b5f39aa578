#include "bytes_kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define TARGET
#define ELEMENT uint8_t
#define REGISTER uint8x16_t
#define VECTOR uint32x4_t
#define WIDTH 16
#define ZERO() vdupq_n_u32(0)
#define LOAD(p) vld1q_u8(p)
#define LOAD_TAIL(p, n) load_tail(p, n)
#define ADD(a, b) vaddq_u32(a, b)
#define SUM(a) (float)whole_sum(a)

static inline uint32_t whole_sum(uint32x4_t a) { return vaddvq_u32(a); }

// The first `count` of sixteen lanes, the others zero.
static inline uint8x16_t load_tail(const uint8_t *from, size_t count) {
    uint8_t lanes[16] = {0};
    for (size_t at = 0; at < count; at++) lanes[at] = from[at];
    return vld1q_u8(lanes);
}

static inline uint32x4_t step_dot(uint32x4_t sum, uint8x16_t q, uint8x16_t r) {
    sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(q), vget_low_u8(r)));
    return vpadalq_u16(sum, vmull_high_u8(q, r));
}

static inline uint32x4_t step_squared_l2(uint32x4_t sum, uint8x16_t q, uint8x16_t r) {
    uint8x16_t difference = vabdq_u8(q, r);
    return step_dot(sum, difference, difference);
}

static inline uint32x4_t step_l1(uint32x4_t sum, uint8x16_t q, uint8x16_t r) {
    return vpadalq_u16(sum, vpaddlq_u8(vabdq_u8(q, r)));
}

#include "distance_metrics.h"
#include "bytes_cosine.h"

const capus_byte_kernels capus_neon_byte_kernels = CAPUS_BYTE_KERNEL_TABLE;
#endif
