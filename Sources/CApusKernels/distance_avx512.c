#include "distance_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define VECTOR __m512
#define WIDTH 16
#define ZERO() _mm512_setzero_ps()
#define LOAD(p) _mm512_loadu_ps(p)
#define LOAD_TAIL(p, n) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
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

const capus_kernels capus_avx512_kernels = CAPUS_KERNEL_TABLE;
#endif
