#include "rabitq_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// VPOPCNTDQ counts the bits of eight words at once; VNNI multiplies bytes (codes_avx512.c).
#define TARGET \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vpopcntdq")))

TARGET static inline __m512i count_common(__m512i codes, const uint8_t *own, unsigned plane) {
    __m512i common = _mm512_and_si512(codes, _mm512_loadu_si512(own));
    return _mm512_slli_epi64(_mm512_popcnt_epi64(common), plane);
}

TARGET static inline __m512i count_plane(
    const uint8_t *codes, size_t size, const uint8_t *own, size_t stride
) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t at = 0; at < size; at += 64) {
        size_t words = (size - at) / 8;
        __m512i now = words >= 8
            ? _mm512_loadu_si512(codes + at)
            : _mm512_maskz_loadu_epi64((__mmask8)((1u << words) - 1), codes + at);
        __m512i low = _mm512_add_epi64(
            count_common(now, own + at, 0), count_common(now, own + at + stride, 1));
        __m512i high = _mm512_add_epi64(
            count_common(now, own + at + 2 * stride, 2),
            count_common(now, own + at + 3 * stride, 3));
        sum = _mm512_add_epi64(sum, _mm512_add_epi64(low, high));
    }
    return sum;
}

TARGET static inline int32_t planes_dot(const capus_rabitq_query *query, const uint8_t *codes) {
    const size_t size = plane_size(query), stride = query_plane_stride(query);
    __m512i sum = count_plane(codes, size, query->codes, stride);
    if (query->bits == 2) {
        __m512i second = count_plane(codes + size, size, query->codes, stride);
        sum = _mm512_add_epi64(sum, _mm512_slli_epi64(second, 1));
    }
    return (int32_t)_mm512_reduce_add_epi64(sum);
}

TARGET static inline __m256i load(const uint8_t *bytes) {
    return _mm256_loadu_si256((const __m256i *)bytes);
}

TARGET static inline int32_t nibbles_dot(const capus_rabitq_query *query, const uint8_t *codes) {
    const __m256i low_half = _mm256_set1_epi8(15);
    const uint8_t *own = query->codes;
    __m256i even = _mm256_setzero_si256(), odd = even;
    for (size_t at = 0; at < query->padded; at += 64) {
        __m256i pairs = load(codes + at / 2);
        __m256i low = _mm256_and_si256(pairs, low_half);
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(pairs, 4), low_half);
        even = _mm256_dpbusd_epi32(even, low, load(own + at));
        odd = _mm256_dpbusd_epi32(odd, high, load(own + at + 32));
    }
    __m256i sum = _mm256_add_epi32(even, odd);
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_hadd_epi32(half, half);
    return _mm_cvtsi128_si32(_mm_hadd_epi32(half, half));
}

#include "rabitq_body.h"

const capus_rabitq_kernels capus_avx512_rabitq_kernels = CAPUS_RABITQ_KERNEL_TABLE;
#endif
