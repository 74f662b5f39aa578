#include "distance_kernels.h"

#if defined(__x86_64__)
#include "floats_avx512.h"

#define ELEMENT float
#define LOAD(p) _mm512_loadu_ps(p)
#define LOAD_TAIL(p, n) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)

#include "distance_metrics.h"

const capus_kernels capus_avx512_kernels = CAPUS_KERNEL_TABLE;
#endif
