#include "distance_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR __m256
#define WIDTH 8
#define ZERO() _mm256_setzero_ps()
#define LOAD(p) _mm256_loadu_ps(p)
#define LOAD_TAIL(p, n) _mm256_maskload_ps(p, tail_mask(n))
#define ADD(a, b) _mm256_add_ps(a, b)
#define SUM(a) sum(a)

// The first `count` of eight lanes.
TARGET static inline __m256i tail_mask(size_t count) {
    static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(lanes + 8 - count));
}

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

const capus_kernels capus_avx2_kernels = CAPUS_KERNEL_TABLE;
#endif
