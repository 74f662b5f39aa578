#include "rabitq_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma,popcnt")))

// Bits are counted in 64-bit registers: one a cycle, which vectors of AVX2 do not beat.
TARGET static inline int32_t planes_dot(const capus_rabitq_query *query, const uint8_t *codes) {
    const size_t size = plane_size(query), stride = query_plane_stride(query);
    const uint8_t *own = query->codes;
    int64_t sum = 0;
    for (size_t plane = 0; plane < query->bits; plane++, codes += size) {
        int64_t ones = 0, twos = 0, fours = 0, eights = 0;
        for (size_t at = 0; at < size; at += 8) {
            uint64_t word = load_word(codes + at);
            ones += __builtin_popcountll(word & load_word(own + at));
            twos += __builtin_popcountll(word & load_word(own + stride + at));
            fours += __builtin_popcountll(word & load_word(own + 2 * stride + at));
            eights += __builtin_popcountll(word & load_word(own + 3 * stride + at));
        }
        sum += (ones + 2 * twos + 4 * fours + 8 * eights) << plane;
    }
    return (int32_t)sum;
}

TARGET static inline __m256i load(const uint8_t *bytes) {
    return _mm256_loadu_si256((const __m256i *)bytes);
}

// Pairs of products are at most 2 * 15 * 127: they fit into 16 bits.
TARGET static inline int32_t nibbles_dot(const capus_rabitq_query *query, const uint8_t *codes) {
    const __m256i low_half = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    const uint8_t *own = query->codes;
    __m256i sum = _mm256_setzero_si256();
    for (size_t at = 0; at < query->padded; at += 64) {
        __m256i pairs = load(codes + at / 2);
        __m256i low = _mm256_and_si256(pairs, low_half);
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(pairs, 4), low_half);
        __m256i products = _mm256_add_epi16(
            _mm256_maddubs_epi16(low, load(own + at)),
            _mm256_maddubs_epi16(high, load(own + at + 32)));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(products, ones));
    }
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_hadd_epi32(half, half);
    return _mm_cvtsi128_si32(_mm_hadd_epi32(half, half));
}

#include "rabitq_body.h"

const capus_rabitq_kernels capus_avx2_rabitq_kernels = CAPUS_RABITQ_KERNEL_TABLE;
#endif
