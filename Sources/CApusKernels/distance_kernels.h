// What the files of the instruction sets share with the dispatch; not part of the interface.
#pragma once

#include "capus.h"

extern const capus_kernels capus_scalar_kernels;
#if defined(__x86_64__)
extern const capus_kernels capus_avx2_kernels;
extern const capus_kernels capus_avx512_kernels;
#endif
#if defined(__aarch64__)
extern const capus_kernels capus_neon_kernels;
#endif

// The table of one instruction set whose functions are named <metric>_<form>.
#define CAPUS_KERNEL_TABLE \
    { \
        {squared_l2_pair, squared_l2_to_ids, squared_l2_to_range}, \
        {negative_dot_pair, negative_dot_to_ids, negative_dot_to_range}, \
        {l1_pair, l1_to_ids, l1_to_range}, \
    }
