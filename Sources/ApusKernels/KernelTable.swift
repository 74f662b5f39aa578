internal import CApusKernels

/// The C functions of one instruction set.
enum KernelTable {
    /// Null when this build or this processor lacks the level; never for the scalar one.
    static func of(_ level: SIMDLevel) -> UnsafePointer<capus_kernels>? {
        switch level {
        case .scalar: unsafe capus_kernels_for(capus_isa_scalar)
        case .avx2: unsafe capus_kernels_for(capus_isa_avx2)
        case .avx512: unsafe capus_kernels_for(capus_isa_avx512)
        case .neon: unsafe capus_kernels_for(capus_isa_neon)
        }
    }
}
