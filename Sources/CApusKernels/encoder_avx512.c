#include "encoder_kernels.h"

#if defined(__x86_64__)
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define WIDTH 16

#include "encoder_body.h"

const capus_encoder_kernels capus_avx512_encoder_kernels = CAPUS_ENCODER_KERNEL_TABLE;
#endif
