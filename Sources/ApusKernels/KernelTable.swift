internal import CApusKernels

/// The C functions of one instruction set. Null when this build or this processor lacks the level;
/// never for the scalar one.
enum KernelTable {
    static func of(_ level: SIMDLevel) -> UnsafePointer<capus_kernels>? {
        unsafe capus_kernels_for(level.isa)
    }

    /// Those of halves.
    static func halves(_ level: SIMDLevel) -> UnsafePointer<capus_kernels>? {
        unsafe capus_half_kernels_for(level.isa)
    }

    /// Those of bytes.
    static func bytes(_ level: SIMDLevel) -> UnsafePointer<capus_byte_kernels>? {
        unsafe capus_byte_kernels_for(level.isa)
    }

    /// Those of 8-bit codes.
    static func codes(_ level: SIMDLevel) -> UnsafePointer<capus_code_kernels>? {
        unsafe capus_code_kernels_for(level.isa)
    }

    /// Those of codes of few bits.
    static func rabitq(_ level: SIMDLevel) -> UnsafePointer<capus_rabitq_kernels>? {
        unsafe capus_rabitq_kernels_for(level.isa)
    }

    /// Those of product quantization.
    static func productCodes(_ level: SIMDLevel) -> UnsafePointer<capus_pq_kernels>? {
        unsafe capus_pq_kernels_for(level.isa)
    }

    /// Those of sentence encoders.
    static func encoder(_ level: SIMDLevel) -> UnsafePointer<capus_encoder_kernels>? {
        unsafe capus_encoder_kernels_for(level.isa)
    }
}

extension SIMDLevel {
    fileprivate var isa: capus_isa {
        switch self {
        case .scalar: capus_isa_scalar
        case .avx2: capus_isa_avx2
        case .avx512: capus_isa_avx512
        case .neon: capus_isa_neon
        }
    }
}
