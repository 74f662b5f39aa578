#include "pq_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

// As with AVX2, four parts at a time.
TARGET static inline void add(__m512i *even, __m512i *odd, __m512i looked_up) {
    *even = _mm512_add_epi16(*even, looked_up);
    *odd = _mm512_add_epi16(*odd, _mm512_srli_epi16(looked_up, 8));
}

TARGET static inline __m128i sum_quarters(__m512i a) {
    __m256i half = _mm256_add_epi16(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
    return _mm_add_epi16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

TARGET static inline void store(__m512i even, __m512i odd, uint16_t *sums) {
    __m128i a = sum_quarters(_mm512_sub_epi16(even, _mm512_slli_epi16(odd, 8)));
    __m128i b = sum_quarters(odd);
    _mm_storeu_si128((__m128i *)sums, _mm_unpacklo_epi16(a, b));
    _mm_storeu_si128((__m128i *)(sums + 8), _mm_unpackhi_epi16(a, b));
}

TARGET static inline void block_sums(
    const uint8_t *block, size_t parts, const uint8_t *tables, uint16_t *sums
) {
    const __m512i low_half = _mm512_set1_epi8(15);
    __m512i even = _mm512_setzero_si512(), odd = even, high_even = even, high_odd = even;
    for (size_t at = 0; at < parts * 16; at += 64) {
        __m512i codes = _mm512_loadu_si512(block + at);
        __m512i table = _mm512_loadu_si512(tables + at);
        __m512i low = _mm512_and_si512(codes, low_half);
        __m512i high = _mm512_and_si512(_mm512_srli_epi16(codes, 4), low_half);
        add(&even, &odd, _mm512_shuffle_epi8(table, low));
        add(&high_even, &high_odd, _mm512_shuffle_epi8(table, high));
    }
    store(even, odd, sums);
    store(high_even, high_odd, sums + 16);
}

#include "pq_body.h"

const capus_pq_kernels capus_avx512_pq_kernels = CAPUS_PQ_KERNEL_TABLE;
#endif
