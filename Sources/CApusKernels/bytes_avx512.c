#include "bytes_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Bytes are widened to 16 bits: VNNI's byte products take one side signed, while vpdpwssd multiplies
// pairs of such words and adds them to a 32-bit lane in one instruction.
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define ELEMENT uint8_t
#define REGISTER __m512i
#define VECTOR __m512i
#define WIDTH 32
#define ZERO() _mm512_setzero_si512()
#define LOAD(p) _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(p)))
#define LOAD_TAIL(p, n) _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8((1u << (n)) - 1, p))
#define ADD(a, b) _mm512_add_epi32(a, b)
#define SUM(a) (float)whole_sum(a)

TARGET static inline uint32_t whole_sum(__m512i a) {
    return (uint32_t)_mm512_reduce_add_epi32(a);
}

TARGET static inline __m512i step_dot(__m512i sum, __m512i q, __m512i r) {
    return _mm512_dpwssd_epi32(sum, q, r);
}

TARGET static inline __m512i step_squared_l2(__m512i sum, __m512i q, __m512i r) {
    __m512i difference = _mm512_sub_epi16(q, r);
    return step_dot(sum, difference, difference);
}

TARGET static inline __m512i step_l1(__m512i sum, __m512i q, __m512i r) {
    return _mm512_add_epi32(sum, _mm512_sad_epu8(q, r));
}

#include "distance_metrics.h"
#include "bytes_cosine.h"

const capus_byte_kernels capus_avx512_byte_kernels = CAPUS_BYTE_KERNEL_TABLE;
#endif
