// What the files of the instruction sets share with the dispatch; not part of the interface.
#pragma once

#include "capus.h"

extern const capus_pq_kernels capus_scalar_pq_kernels;
#if defined(__x86_64__)
extern const capus_pq_kernels capus_avx2_pq_kernels;
extern const capus_pq_kernels capus_avx512_pq_kernels;
#endif
#if defined(__aarch64__)
extern const capus_pq_kernels capus_neon_pq_kernels;
#endif
