#include "pq_kernels.h"

#pragma STDC FP_CONTRACT OFF
#define TARGET

static inline void block_sums(
    const uint8_t *block, size_t parts, const uint8_t *tables, uint16_t *sums
) {
    for (size_t at = 0; at < capus_pq_block_count; at++) sums[at] = 0;
    for (size_t part = 0; part < parts; part++) {
        for (size_t at = 0; at < 16; at++) {
            uint8_t codes = block[part * 16 + at];
            sums[at] += tables[part * 16 + (codes & 15)];
            sums[at + 16] += tables[part * 16 + (codes >> 4)];
        }
    }
}

#include "pq_body.h"

const capus_pq_kernels capus_scalar_pq_kernels = CAPUS_PQ_KERNEL_TABLE;

// ---- What no instruction set changes -------------------------------------------------------

size_t capus_pq8_scan(
    const float *tables, size_t parts, float base, float bound, const uint8_t *codes,
    const float *terms, size_t count, uint32_t *places, float *distances
) {
    size_t found = 0;
    for (size_t at = 0; at < count; at++) {
        const uint8_t *row = codes + at * parts;
        // Four sums, so that one addition need not wait for the other.
        float sums[4] = {base, 0, 0, 0};
        size_t part = 0;
        for (; part + 4 <= parts; part += 4)
            for (size_t lane = 0; lane < 4; lane++)
                sums[lane] += tables[(part + lane) * 256 + row[part + lane]];
        for (; part < parts; part++) sums[0] += tables[part * 256 + row[part]];
        float distance = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        if (terms) distance += terms[at];
        if (distance < bound) {
            places[found] = (uint32_t)at;
            distances[found] = distance;
            found++;
        }
    }
    return found;
}

uint32_t capus_pq_nearest(
    const float *part, size_t width, const float *codewords, size_t count
) {
    float distances[256] = {0};
    for (size_t component = 0; component < width; component++) {
        float x = part[component];
        const float *row = codewords + component * count;
        for (size_t at = 0; at < count; at++) {
            float difference = x - row[at];
            distances[at] += difference * difference;
        }
    }
    uint32_t nearest = 0;
    for (uint32_t at = 1; at < count; at++)
        if (distances[at] < distances[nearest]) nearest = at;
    return nearest;
}
