#include "distance_kernels.h"

#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2,fma")))
#include "floats_avx2.h"

#define ELEMENT float
#define LOAD(p) _mm256_loadu_ps(p)
#define LOAD_TAIL(p, n) _mm256_maskload_ps(p, tail_mask(n))

// The first `count` of eight lanes.
TARGET static inline __m256i tail_mask(size_t count) {
    static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(lanes + 8 - count));
}

#include "distance_metrics.h"

const capus_kernels capus_avx2_kernels = CAPUS_KERNEL_TABLE;
#endif
