#include "encoder_kernels.h"

// Four floats are what SSE2 and NEON hold, which every processor of their kinds has: this is the
// file for arm64 too.
#define TARGET
#define WIDTH 4

#include "encoder_body.h"

const capus_encoder_kernels capus_scalar_encoder_kernels = CAPUS_ENCODER_KERNEL_TABLE;
