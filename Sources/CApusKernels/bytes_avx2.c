#include "bytes_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Bytes are widened to 16 bits: the byte products of AVX2 take signed ones, and saturate.
#define TARGET __attribute__((target("avx2")))
#define ELEMENT uint8_t
#define REGISTER __m256i
#define VECTOR __m256i
#define WIDTH 16
#define ZERO() _mm256_setzero_si256()
#define LOAD(p) _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(p)))
#define LOAD_TAIL(p, n) load_tail(p, n)
#define ADD(a, b) _mm256_add_epi32(a, b)
#define SUM(a) (float)whole_sum(a)

// The first `count` of sixteen lanes, the others zero.
TARGET static inline __m256i load_tail(const uint8_t *from, size_t count) {
    uint8_t lanes[16] = {0};
    for (size_t at = 0; at < count; at++) lanes[at] = from[at];
    return LOAD(lanes);
}

TARGET static inline uint32_t whole_sum(__m256i a) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}

TARGET static inline __m256i step_dot(__m256i sum, __m256i q, __m256i r) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(q, r));
}

TARGET static inline __m256i step_squared_l2(__m256i sum, __m256i q, __m256i r) {
    __m256i difference = _mm256_sub_epi16(q, r);
    return step_dot(sum, difference, difference);
}

TARGET static inline __m256i step_l1(__m256i sum, __m256i q, __m256i r) {
    return _mm256_add_epi32(sum, _mm256_sad_epu8(q, r));
}

#include "distance_metrics.h"
#include "bytes_cosine.h"

const capus_byte_kernels capus_avx2_byte_kernels = CAPUS_BYTE_KERNEL_TABLE;
#endif
