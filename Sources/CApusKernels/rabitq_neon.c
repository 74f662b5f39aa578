#include "rabitq_kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define TARGET

// Counts of up to 65,536 bits fit into the 16-bit lanes.
static inline int64_t count_common(const uint8_t *codes, const uint8_t *own, size_t size) {
    uint16x8_t counts = vdupq_n_u16(0);
    size_t at = 0;
    for (; at + 16 <= size; at += 16) {
        uint8x16_t common = vandq_u8(vld1q_u8(codes + at), vld1q_u8(own + at));
        counts = vpadalq_u8(counts, vcntq_u8(common));
    }
    int64_t rest =
        at < size ? __builtin_popcountll(load_word(codes + at) & load_word(own + at)) : 0;
    return (int64_t)vaddlvq_u16(counts) + rest;
}

static inline int32_t planes_dot(const capus_rabitq_query *query, const uint8_t *codes) {
    const size_t size = plane_size(query), stride = query_plane_stride(query);
    int64_t sum = 0;
    for (size_t plane = 0; plane < query->bits; plane++)
        for (size_t own = 0; own < 4; own++)
            sum += count_common(codes + plane * size, query->codes + own * stride, size)
                << (plane + own);
    return (int32_t)sum;
}

static inline int32x4_t step(int32x4_t sum, uint8x16_t codes, const uint8_t *own) {
    int8x16_t code = vreinterpretq_s8_u8(codes), query = vreinterpretq_s8_u8(vld1q_u8(own));
    int16x8_t products = vmull_s8(vget_low_s8(code), vget_low_s8(query));
    // At most 2 * 15 * 127.
    products = vmlal_high_s8(products, code, query);
    return vpadalq_s16(sum, products);
}

static inline int32_t nibbles_dot(const capus_rabitq_query *query, const uint8_t *codes) {
    const uint8x16_t low_half = vdupq_n_u8(15);
    const uint8_t *own = query->codes;
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t at = 0; at < query->padded; at += 64) {
        uint8x16_t first = vld1q_u8(codes + at / 2), second = vld1q_u8(codes + at / 2 + 16);
        sum = step(sum, vandq_u8(first, low_half), own + at);
        sum = step(sum, vandq_u8(second, low_half), own + at + 16);
        sum = step(sum, vshrq_n_u8(first, 4), own + at + 32);
        sum = step(sum, vshrq_n_u8(second, 4), own + at + 48);
    }
    return vaddvq_s32(sum);
}

#include "rabitq_body.h"

const capus_rabitq_kernels capus_neon_rabitq_kernels = CAPUS_RABITQ_KERNEL_TABLE;
#endif
