#include "codes_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// VNNI: vpdpbusd multiplies unsigned by signed bytes and adds four products to each 32-bit lane.
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

TARGET static inline __m512i tail(const uint8_t *row, size_t count) {
    return _mm512_maskz_loadu_epi8(((__mmask64)1 << count) - 1, row);
}

TARGET static inline int32_t one_dot(const int8_t *q, const uint8_t *row, size_t n) {
    __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
    size_t at = 0;
    for (; at + 128 <= n; at += 128) {
        even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(row + at), _mm512_loadu_si512(q + at));
        odd = _mm512_dpbusd_epi32(
            odd, _mm512_loadu_si512(row + at + 64), _mm512_loadu_si512(q + at + 64));
    }
    for (; at + 64 <= n; at += 64)
        even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(row + at), _mm512_loadu_si512(q + at));
    if (at < n) odd = _mm512_dpbusd_epi32(odd, tail(row + at, n - at), _mm512_loadu_si512(q + at));
    return _mm512_reduce_add_epi32(_mm512_add_epi32(even, odd));
}

TARGET static inline __m128i sum_lanes(__m512i a) {
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

TARGET static inline __attribute__((always_inline)) void four_dots(
    const int8_t *q, const uint8_t *const rows[4], const uint8_t *const next[4], bool prefetching,
    size_t n, int32_t sums[4]
) {
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    size_t at = 0;
    if (prefetching)
        for (size_t row = 0; row < 4; row++) __builtin_prefetch(next[row]);
    for (; at + 64 <= n; at += 64) {
        if (prefetching)
            for (size_t row = 0; row < 4; row++) __builtin_prefetch(next[row] + at + 64);
        __m512i query = _mm512_loadu_si512(q + at);
        a = _mm512_dpbusd_epi32(a, _mm512_loadu_si512(rows[0] + at), query);
        b = _mm512_dpbusd_epi32(b, _mm512_loadu_si512(rows[1] + at), query);
        c = _mm512_dpbusd_epi32(c, _mm512_loadu_si512(rows[2] + at), query);
        d = _mm512_dpbusd_epi32(d, _mm512_loadu_si512(rows[3] + at), query);
    }
    if (at < n) {
        __m512i query = _mm512_loadu_si512(q + at);
        a = _mm512_dpbusd_epi32(a, tail(rows[0] + at, n - at), query);
        b = _mm512_dpbusd_epi32(b, tail(rows[1] + at, n - at), query);
        c = _mm512_dpbusd_epi32(c, tail(rows[2] + at, n - at), query);
        d = _mm512_dpbusd_epi32(d, tail(rows[3] + at, n - at), query);
    }
    // The four sums at once: lanes are added across pairs of rows.
    __m128i left = _mm_hadd_epi32(sum_lanes(a), sum_lanes(b));
    __m128i right = _mm_hadd_epi32(sum_lanes(c), sum_lanes(d));
    _mm_storeu_si128((__m128i *)sums, _mm_hadd_epi32(left, right));
}

#include "codes_body.h"

const capus_code_kernels capus_avx512_code_kernels = CAPUS_CODE_KERNEL_TABLE;
#endif
