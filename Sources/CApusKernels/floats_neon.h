// As `floats_avx2.h`, four floats.
#pragma once

#include <arm_neon.h>

#define TARGET
#define REGISTER float32x4_t
#define VECTOR float32x4_t
#define WIDTH 4
#define ZERO() vdupq_n_f32(0)
#define ADD(a, b) vaddq_f32(a, b)
#define SUM(a) vaddvq_f32(a)

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
