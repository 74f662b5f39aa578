#include "bytes_kernels.h"
#include "codes_kernels.h"
#include "distance_kernels.h"
#include "encoder_kernels.h"
#include "halves_kernels.h"
#include "pq_kernels.h"
#include "rabitq_kernels.h"

const capus_kernels *capus_kernels_for(capus_isa isa) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (isa == capus_isa_avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &capus_avx2_kernels;
    if (isa == capus_isa_avx512 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return &capus_avx512_kernels;
#endif
#if defined(__aarch64__)
    if (isa == capus_isa_neon) return &capus_neon_kernels;
#endif
    return isa == capus_isa_scalar ? &capus_scalar_kernels : 0;
}

const capus_kernels *capus_half_kernels_for(capus_isa isa) {
    if (capus_kernels_for(isa) == 0) return 0;
#if defined(__x86_64__)
    if (isa == capus_isa_avx512) return &capus_avx512_half_kernels;
    // Conversions of their own came before AVX2, but a virtual machine may hide them.
    if (isa == capus_isa_avx2 && __builtin_cpu_supports("f16c")) return &capus_avx2_half_kernels;
#endif
#if defined(__aarch64__)
    if (isa == capus_isa_neon) return &capus_neon_half_kernels;
#endif
    return &capus_scalar_half_kernels;
}

const capus_byte_kernels *capus_byte_kernels_for(capus_isa isa) {
    if (capus_kernels_for(isa) == 0) return 0;
#if defined(__x86_64__)
    if (isa == capus_isa_avx512 && __builtin_cpu_supports("avx512vnni"))
        return &capus_avx512_byte_kernels;
    // As with codes.
    if (isa != capus_isa_scalar) return &capus_avx2_byte_kernels;
#endif
#if defined(__aarch64__)
    if (isa == capus_isa_neon) return &capus_neon_byte_kernels;
#endif
    return &capus_scalar_byte_kernels;
}

const capus_code_kernels *capus_code_kernels_for(capus_isa isa) {
    if (capus_kernels_for(isa) == 0) return 0;
#if defined(__x86_64__)
    if (isa == capus_isa_avx512 && __builtin_cpu_supports("avx512vnni"))
        return &capus_avx512_code_kernels;
    // Processors with AVX-512 and without VNNI take the narrower ones.
    if (isa != capus_isa_scalar) return &capus_avx2_code_kernels;
#endif
#if defined(__aarch64__)
    if (isa == capus_isa_neon) return &capus_neon_code_kernels;
#endif
    return &capus_scalar_code_kernels;
}

const capus_pq_kernels *capus_pq_kernels_for(capus_isa isa) {
    if (capus_kernels_for(isa) == 0) return 0;
#if defined(__x86_64__)
    if (isa == capus_isa_avx512) return &capus_avx512_pq_kernels;
    if (isa == capus_isa_avx2) return &capus_avx2_pq_kernels;
#endif
#if defined(__aarch64__)
    if (isa == capus_isa_neon) return &capus_neon_pq_kernels;
#endif
    return &capus_scalar_pq_kernels;
}

const capus_rabitq_kernels *capus_rabitq_kernels_for(capus_isa isa) {
    if (capus_kernels_for(isa) == 0) return 0;
#if defined(__x86_64__)
    if (isa == capus_isa_avx512 && __builtin_cpu_supports("avx512vnni") &&
        __builtin_cpu_supports("avx512vpopcntdq"))
        return &capus_avx512_rabitq_kernels;
    // Every processor with AVX2 counts bits.
    if (isa != capus_isa_scalar) return &capus_avx2_rabitq_kernels;
#endif
#if defined(__aarch64__)
    if (isa == capus_isa_neon) return &capus_neon_rabitq_kernels;
#endif
    return &capus_scalar_rabitq_kernels;
}

const capus_encoder_kernels *capus_encoder_kernels_for(capus_isa isa) {
    if (capus_kernels_for(isa) == 0) return 0;
#if defined(__x86_64__)
    if (isa == capus_isa_avx512) return &capus_avx512_encoder_kernels;
    if (isa == capus_isa_avx2) return &capus_avx2_encoder_kernels;
#endif
    return &capus_scalar_encoder_kernels;
}

#if !defined(__x86_64__) && !defined(__aarch64__)
capus_crc32c capus_crc32c_hardware(void) { return 0; }
#endif
