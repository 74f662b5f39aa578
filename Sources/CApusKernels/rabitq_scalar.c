#include "rabitq_kernels.h"

#define TARGET

static inline int32_t planes_dot(const capus_rabitq_query *query, const uint8_t *codes) {
    int32_t sum = 0;
    for (size_t at = 0; at < query->padded; at++) {
        int32_t code = 0, own = 0;
        for (size_t plane = 0; plane < query->bits; plane++)
            code |= (codes[plane * plane_size(query) + at / 8] >> at % 8 & 1) << plane;
        for (size_t plane = 0; plane < 4; plane++) {
            const uint8_t *bits = query->codes + plane * query_plane_stride(query);
            own |= (bits[at / 8] >> at % 8 & 1) << plane;
        }
        sum += code * own;
    }
    return sum;
}

static inline int32_t nibbles_dot(const capus_rabitq_query *query, const uint8_t *codes) {
    int32_t sum = 0;
    for (size_t at = 0; at < query->padded; at++) {
        uint8_t pair = codes[at / 64 * 32 + at % 32];
        int32_t code = at % 64 < 32 ? pair & 15 : pair >> 4;
        sum += code * (int8_t)query->codes[at];
    }
    return sum;
}

#include "rabitq_body.h"

const capus_rabitq_kernels capus_scalar_rabitq_kernels = CAPUS_RABITQ_KERNEL_TABLE;
