// As `floats_avx2.h`, sixteen floats.
#pragma once

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define REGISTER __m512
#define VECTOR __m512
#define WIDTH 16
#define ZERO() _mm512_setzero_ps()
#define ADD(a, b) _mm512_add_ps(a, b)
#define SUM(a) _mm512_reduce_add_ps(a)

TARGET static inline __m512 step_squared_l2(__m512 sum, __m512 q, __m512 r) {
    __m512 difference = _mm512_sub_ps(q, r);
    return _mm512_fmadd_ps(difference, difference, sum);
}

TARGET static inline __m512 step_dot(__m512 sum, __m512 q, __m512 r) {
    return _mm512_fmadd_ps(q, r, sum);
}

TARGET static inline __m512 step_l1(__m512 sum, __m512 q, __m512 r) {
    return _mm512_add_ps(sum, _mm512_abs_ps(_mm512_sub_ps(q, r)));
}
