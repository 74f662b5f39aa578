// What the files of the instruction sets share with the dispatch; not part of the interface.
#pragma once

#include "capus.h"

#include <math.h>
#include <string.h>

extern const capus_encoder_kernels capus_scalar_encoder_kernels;
#if defined(__x86_64__)
extern const capus_encoder_kernels capus_avx2_encoder_kernels;
extern const capus_encoder_kernels capus_avx512_encoder_kernels;
#endif
