// What the files of the instruction sets share with the dispatch; not part of the interface.
#pragma once

#include <math.h>

#include "capus.h"

extern const capus_byte_kernels capus_scalar_byte_kernels;
#if defined(__x86_64__)
extern const capus_byte_kernels capus_avx2_byte_kernels;
extern const capus_byte_kernels capus_avx512_byte_kernels;
#endif
#if defined(__aarch64__)
extern const capus_byte_kernels capus_neon_byte_kernels;
#endif

// The cosine of two vectors, negated, from the three sums of products; 0 where one has no length.
static inline float capus_negative_cosine(uint32_t dot, uint32_t query, uint32_t row) {
    if (query == 0 || row == 0) return 0;
    return (float)-((double)dot / sqrt((double)query * (double)row));
}

// The table of one instruction set whose functions are named <metric>_<form>.
#define CAPUS_BYTE_KERNEL_TABLE \
    { \
        {squared_l2_pair, squared_l2_to_ids, squared_l2_to_range}, \
        {negative_dot_pair, negative_dot_to_ids, negative_dot_to_range}, \
        {negative_cosine_pair, negative_cosine_to_ids, negative_cosine_to_range}, \
        {l1_pair, l1_to_ids, l1_to_range}, \
    }
