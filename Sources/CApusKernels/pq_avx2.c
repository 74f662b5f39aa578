#include "pq_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))

// Two parts at a time, one in each half of a register. The bytes of a lookup are added as 16-bit
// numbers, once as they are and once shifted down: what the odd bytes did to the first sum is the
// second one, shifted up.
TARGET static inline void add(__m256i *even, __m256i *odd, __m256i looked_up) {
    *even = _mm256_add_epi16(*even, looked_up);
    *odd = _mm256_add_epi16(*odd, _mm256_srli_epi16(looked_up, 8));
}

TARGET static inline void store(__m256i even, __m256i odd, uint16_t *sums) {
    even = _mm256_sub_epi16(even, _mm256_slli_epi16(odd, 8));
    __m128i a = _mm_add_epi16(_mm256_castsi256_si128(even), _mm256_extracti128_si256(even, 1));
    __m128i b = _mm_add_epi16(_mm256_castsi256_si128(odd), _mm256_extracti128_si256(odd, 1));
    _mm_storeu_si128((__m128i *)sums, _mm_unpacklo_epi16(a, b));
    _mm_storeu_si128((__m128i *)(sums + 8), _mm_unpackhi_epi16(a, b));
}

TARGET static inline void block_sums(
    const uint8_t *block, size_t parts, const uint8_t *tables, uint16_t *sums
) {
    const __m256i low_half = _mm256_set1_epi8(15);
    __m256i even = _mm256_setzero_si256(), odd = even, high_even = even, high_odd = even;
    for (size_t at = 0; at < parts * 16; at += 32) {
        __m256i codes = _mm256_loadu_si256((const __m256i *)(block + at));
        __m256i table = _mm256_loadu_si256((const __m256i *)(tables + at));
        __m256i low = _mm256_and_si256(codes, low_half);
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(codes, 4), low_half);
        add(&even, &odd, _mm256_shuffle_epi8(table, low));
        add(&high_even, &high_odd, _mm256_shuffle_epi8(table, high));
    }
    store(even, odd, sums);
    store(high_even, high_odd, sums + 16);
}

#include "pq_body.h"

const capus_pq_kernels capus_avx2_pq_kernels = CAPUS_PQ_KERNEL_TABLE;
#endif
