// What the files of the instruction sets share with the dispatch; not part of the interface.
#pragma once

#include "capus.h"

#include <string.h>

extern const capus_rabitq_kernels capus_scalar_rabitq_kernels;
#if defined(__x86_64__)
extern const capus_rabitq_kernels capus_avx2_rabitq_kernels;
extern const capus_rabitq_kernels capus_avx512_rabitq_kernels;
#endif
#if defined(__aarch64__)
extern const capus_rabitq_kernels capus_neon_rabitq_kernels;
#endif

#define CAPUS_RABITQ_KERNEL_TABLE \
    {{planes_to_ids, planes_to_range}, {nibbles_to_ids, nibbles_to_range}}

// Bytes of one plane of a row, and from one plane of a query to the next.
static inline size_t plane_size(const capus_rabitq_query *query) { return query->padded / 8; }
static inline size_t query_plane_stride(const capus_rabitq_query *query) {
    return (query->padded / 8 + 63) / 64 * 64;
}

static inline uint64_t load_word(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}
