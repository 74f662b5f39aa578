// What the files of the instruction sets share with the dispatch; not part of the interface.
#pragma once

#include "distance_kernels.h"

extern const capus_kernels capus_scalar_half_kernels;
#if defined(__x86_64__)
extern const capus_kernels capus_avx2_half_kernels;
extern const capus_kernels capus_avx512_half_kernels;
#endif
#if defined(__aarch64__)
extern const capus_kernels capus_neon_half_kernels;
#endif
