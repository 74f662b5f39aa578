// What the files of the instruction sets share with the dispatch; not part of the interface.
#pragma once

#include "capus.h"

#include <string.h>

extern const capus_code_kernels capus_scalar_code_kernels;
#if defined(__x86_64__)
extern const capus_code_kernels capus_avx2_code_kernels;
extern const capus_code_kernels capus_avx512_code_kernels;
#endif
#if defined(__aarch64__)
extern const capus_code_kernels capus_neon_code_kernels;
#endif

#define CAPUS_CODE_KERNEL_TABLE \
    {{squared_l2_to_ids, squared_l2_to_range}, {negative_dot_to_ids, negative_dot_to_range}}
