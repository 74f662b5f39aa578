// Sums of products and differences of eight floats, whatever these are in memory. The file that
// includes it defines TARGET.
#pragma once

#include <immintrin.h>

#define REGISTER __m256
#define VECTOR __m256
#define WIDTH 8
#define ZERO() _mm256_setzero_ps()
#define ADD(a, b) _mm256_add_ps(a, b)
#define SUM(a) sum(a)

TARGET static inline float sum(__m256 a) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

TARGET static inline __m256 step_squared_l2(__m256 sum, __m256 q, __m256 r) {
    __m256 difference = _mm256_sub_ps(q, r);
    return _mm256_fmadd_ps(difference, difference, sum);
}

TARGET static inline __m256 step_dot(__m256 sum, __m256 q, __m256 r) {
    return _mm256_fmadd_ps(q, r, sum);
}

TARGET static inline __m256 step_l1(__m256 sum, __m256 q, __m256 r) {
    return _mm256_add_ps(sum, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_sub_ps(q, r)));
}
