// Half precision as a float, and back; not part of the interface.
#pragma once

#include <stdint.h>
#include <string.h>

// The float that a half stands for: every one is there.
static inline float capus_half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7fff;
    // The exponent is put where a float has it, and then 112 is missing; that is right for those
    // below the normal ones too.
    uint32_t bits = magnitude << 13 | (magnitude >= 0x7c00 ? 0x7f800000 : 0);
    float value;
    memcpy(&value, &bits, sizeof value);
    if (magnitude < 0x7c00) value *= 0x1p112f;
    memcpy(&bits, &value, sizeof bits);
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The nearest half, the even one of two. What is farther out than all becomes the outermost, not
// infinity.
static inline uint16_t capus_half_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return sign | 0x7e00;
    if (magnitude >= 0x477ff000) return sign | 0x7bff;
    if (magnitude < 0x38800000) {
        // Below the normal ones: beside 0.5 a float has steps of the smallest half.
        float shifted;
        memcpy(&shifted, &magnitude, sizeof shifted);
        shifted += 0.5f;
        memcpy(&magnitude, &shifted, sizeof magnitude);
        return sign | (uint16_t)(magnitude - 0x3f000000);
    }
    uint32_t odd = magnitude >> 13 & 1;
    return sign | (uint16_t)((magnitude - (112u << 23) + 0xfff + odd) >> 13);
}
