#include "halves_kernels.h"

#if defined(__x86_64__)
#include "floats_avx512.h"

#define ELEMENT uint16_t
#define LOAD(p) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(p)))
#define LOAD_TAIL(p, n) \
    _mm512_cvtph_ps(_mm256_maskz_loadu_epi16((__mmask16)((1u << (n)) - 1), p))

#include "distance_metrics.h"

const capus_kernels capus_avx512_half_kernels = CAPUS_KERNEL_TABLE;
#endif
