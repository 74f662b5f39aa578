#include "encoder_kernels.h"

#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2,fma")))
#define WIDTH 8

#include "encoder_body.h"

const capus_encoder_kernels capus_avx2_encoder_kernels = CAPUS_ENCODER_KERNEL_TABLE;
#endif
