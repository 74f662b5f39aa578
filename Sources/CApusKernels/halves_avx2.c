#include "halves_kernels.h"

#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2,fma,f16c")))
#include "floats_avx2.h"

#define ELEMENT uint16_t
#define LOAD(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p)))
#define LOAD_TAIL(p, n) load_tail(p, n)

// The first `count` of eight lanes, the others zero.
TARGET static inline __m256 load_tail(const uint16_t *from, size_t count) {
    uint16_t lanes[8] = {0};
    for (size_t at = 0; at < count; at++) lanes[at] = from[at];
    return LOAD(lanes);
}

#include "distance_metrics.h"

const capus_kernels capus_avx2_half_kernels = CAPUS_KERNEL_TABLE;
#endif
