#include "halves_kernels.h"

#if defined(__aarch64__)
#include "floats_neon.h"

#define ELEMENT uint16_t
#define LOAD(p) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))
#define LOAD_TAIL(p, n) load_tail(p, n)

// The first `count` of four lanes, the others zero.
static inline float32x4_t load_tail(const uint16_t *from, size_t count) {
    uint16_t lanes[4] = {0, 0, 0, 0};
    for (size_t at = 0; at < count; at++) lanes[at] = from[at];
    return LOAD(lanes);
}

#include "distance_metrics.h"

const capus_kernels capus_neon_half_kernels = CAPUS_KERNEL_TABLE;
#endif
