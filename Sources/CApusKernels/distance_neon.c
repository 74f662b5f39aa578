#include "distance_kernels.h"

#if defined(__aarch64__)
#include "floats_neon.h"

#define ELEMENT float
#define LOAD(p) vld1q_f32(p)
#define LOAD_TAIL(p, n) load_tail(p, n)

// The first `count` of four lanes, the others zero.
static inline float32x4_t load_tail(const float *from, size_t count) {
    float lanes[4] = {0, 0, 0, 0};
    for (size_t at = 0; at < count; at++) lanes[at] = from[at];
    return vld1q_f32(lanes);
}

#include "distance_metrics.h"

const capus_kernels capus_neon_kernels = CAPUS_KERNEL_TABLE;
#endif
