#if canImport(Glibc)
private import Glibc
#else
private import Darwin
#endif

/// The instruction sets that the distance kernels exist in.
///
/// One is chosen when the process first needs it: the best that the processor has, or the one
/// that the environment variable `APUS_ISA` names. `Database.open` calls `requireActive()`, so
/// that a wrong value is an error before any work.
package enum SIMDLevel: String, CaseIterable, Sendable {
    case scalar
    /// AVX2 and FMA.
    case avx2
    /// AVX-512 F, BW, DQ and VL.
    case avx512
    case neon

    /// The environment variable that forces a level.
    package static let environmentVariable = "APUS_ISA"

    /// Whether this build and this processor have it.
    package var isSupported: Bool { unsafe KernelTable.of(self) != nil }

    /// The fastest level that this processor has.
    package static let best: SIMDLevel =
        [.avx512, .avx2, .neon].first(where: \.isSupported) ?? .scalar

    /// The level that a value of `APUS_ISA` asks for; nil and the empty text ask for the best.
    package static func resolve(_ environmentValue: String?) throws(KernelError) -> SIMDLevel {
        guard let value = environmentValue, !value.isEmpty else { return best }
        guard let level = SIMDLevel(rawValue: value) else {
            throw KernelError.unknownLevel(value)
        }
        guard level.isSupported else { throw KernelError.unsupportedLevel(level) }
        return level
    }

    /// The level of this process, resolved once; the error when `APUS_ISA` is wrong.
    package static let active: Result<SIMDLevel, KernelError> = {
        let value = unsafe getenv(environmentVariable).map { unsafe String(cString: $0) }
        return Result { () throws(KernelError) in try resolve(value) }
    }()

    /// The level of this process, or the error that tells what is wrong with `APUS_ISA`.
    @discardableResult
    package static func requireActive() throws(KernelError) -> SIMDLevel { try active.get() }

    /// The level that kernels run at: the active one, and the best when `APUS_ISA` is wrong.
    package static var effective: SIMDLevel { (try? active.get()) ?? best }
}

/// What this module throws.
package enum KernelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `APUS_ISA` names no instruction set that we know.
    case unknownLevel(String)
    /// `APUS_ISA` names an instruction set that this processor or build lacks.
    case unsupportedLevel(SIMDLevel)
    /// The system gave no address space for so many bytes.
    case outOfMemory(byteCount: Int)

    package var description: String {
        switch self {
        case .unknownLevel(let value):
            "\(SIMDLevel.environmentVariable)=\(value) names no instruction set: expected "
                + SIMDLevel.allCases.map(\.rawValue).joined(separator: ", ")
        case .unsupportedLevel(let level):
            "\(SIMDLevel.environmentVariable)=\(level.rawValue): this processor has only "
                + SIMDLevel.allCases.filter(\.isSupported).map(\.rawValue).joined(separator: ", ")
        case .outOfMemory(let byteCount):
            "the system refused to reserve \(byteCount) bytes of memory"
        }
    }
}
