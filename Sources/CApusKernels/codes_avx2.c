#include "codes_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Bytes are widened to 16 bits: the byte products of AVX2 saturate.
#define TARGET __attribute__((target("avx2,fma")))

TARGET static inline __m256i step(__m256i sum, const uint8_t *row, __m256i query) {
    __m256i codes = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)row));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(codes, query));
}

TARGET static inline __m256i load_query(const int8_t *q) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)q));
}

TARGET static inline __m128i sum_lanes(__m256i a) {
    return _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
}

TARGET static inline int32_t rest(const int8_t *q, const uint8_t *row, size_t from, size_t n) {
    int32_t sum = 0;
    for (size_t at = from; at < n; at++) sum += (int32_t)row[at] * q[at];
    return sum;
}

TARGET static inline int32_t one_dot(const int8_t *q, const uint8_t *row, size_t n) {
    __m256i sum = _mm256_setzero_si256();
    size_t at = 0;
    for (; at + 16 <= n; at += 16) sum = step(sum, row + at, load_query(q + at));
    __m128i half = sum_lanes(sum);
    half = _mm_hadd_epi32(half, half);
    half = _mm_hadd_epi32(half, half);
    return _mm_cvtsi128_si32(half) + rest(q, row, at, n);
}

TARGET static inline __attribute__((always_inline)) void four_dots(
    const int8_t *q, const uint8_t *const rows[4], const uint8_t *const next[4], bool prefetching,
    size_t n, int32_t sums[4]
) {
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    size_t at = 0;
    for (; at + 16 <= n; at += 16) {
        if (prefetching && at % 64 == 0)
            for (size_t row = 0; row < 4; row++) __builtin_prefetch(next[row] + at);
        __m256i query = load_query(q + at);
        a = step(a, rows[0] + at, query);
        b = step(b, rows[1] + at, query);
        c = step(c, rows[2] + at, query);
        d = step(d, rows[3] + at, query);
    }
    __m128i left = _mm_hadd_epi32(sum_lanes(a), sum_lanes(b));
    __m128i right = _mm_hadd_epi32(sum_lanes(c), sum_lanes(d));
    _mm_storeu_si128((__m128i *)sums, _mm_hadd_epi32(left, right));
    if (at < n)
        for (size_t row = 0; row < 4; row++) sums[row] += rest(q, rows[row], at, n);
}

#include "codes_body.h"

const capus_code_kernels capus_avx2_code_kernels = CAPUS_CODE_KERNEL_TABLE;
#endif
