// The scan of 4-bit product codes in one instruction set; included once by the file of the
// instruction set, which defines
//   TARGET                              the function attribute
//   block_sums(block, parts, tables, sums)   the sums of table entries of 32 vectors

// The same bits everywhere.
#pragma STDC FP_CONTRACT OFF

TARGET static size_t scan(
    const capus_pq_query *query, const uint8_t *blocks, const float *terms, size_t count,
    uint32_t *places, float *distances
) {
    size_t found = 0;
    for (size_t start = 0; start < count; start += capus_pq_block_count) {
        uint16_t sums[capus_pq_block_count];
        block_sums(blocks + start * query->parts / 2, query->parts, query->tables, sums);
        float values[capus_pq_block_count];
        for (size_t at = 0; at < capus_pq_block_count; at++)
            values[at] = query->base + query->scale * (float)sums[at];
        size_t end = count - start < capus_pq_block_count ? count - start : capus_pq_block_count;
        if (terms)
            for (size_t at = 0; at < end; at++) values[at] += terms[start + at];
        uint32_t below = 0;
        for (size_t at = 0; at < capus_pq_block_count; at++)
            below |= (uint32_t)(values[at] < query->bound) << at;
        if (end < capus_pq_block_count) below &= ((uint32_t)1 << end) - 1;
        for (; below != 0; below &= below - 1) {
            size_t at = (size_t)__builtin_ctz(below);
            places[found] = (uint32_t)(start + at);
            distances[found] = values[at];
            found++;
        }
    }
    return found;
}

#define CAPUS_PQ_KERNEL_TABLE {scan}
