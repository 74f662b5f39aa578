private import CApusSystem

/// The bytes of a file, mapped for reading as long as this object lives.
///
/// Safe to share between threads: the bytes never change, and the memory goes only with the last
/// reference. The file must not be cut shorter meanwhile; storage maps only files that are complete.
@safe
package final class MappedFile: @unchecked Sendable {
    // Unchecked because of the pointer: it is set once, and only read until deinit.

    package enum Advice: Hashable, Sendable {
        case normal
        case willNeed
        case random
        case sequential
    }

    package let path: String
    /// Valid while this object lives: keep the object as long as anything reads the bytes.
    package let bytes: UnsafeRawBufferPointer
    private let release: @Sendable (UnsafeRawBufferPointer) -> Void

    /// Takes over `bytes`, which `release` gives back at the end.
    package init(
        path: String, bytes: UnsafeRawBufferPointer,
        release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) {
        self.path = path
        unsafe self.bytes = bytes
        unsafe self.release = release
    }

    deinit { unsafe release(bytes) }

    package var byteCount: Int { unsafe bytes.count }

    /// Reads `range` in from the disk. Throws `.io` where the disk does not give it: whoever reads
    /// the bytes first asks here, since reading such memory ends the process.
    package func populate(_ range: Range<Int>) throws(StorageError) {
        guard let base = unsafe bytes.baseAddress else { return }
        let wanted = range.clamped(to: 0..<byteCount)
        let start = wanted.lowerBound & ~4095
        guard start < wanted.upperBound else { return }
        guard unsafe capus_populate(base + start, wanted.upperBound - start) == 0 else {
            throw StorageError(
                .io, path: path, offset: UInt64(start), "the disk does not give the bytes here")
        }
    }

    /// Tells the system how `range` (nil: everything) will be read. Only a hint: failures do not
    /// matter.
    package func advise(_ advice: Advice, range: Range<Int>? = nil) {
        guard let base = unsafe bytes.baseAddress else { return }
        let whole = 0..<byteCount
        let wanted = (range ?? whole).clamped(to: whole)
        // The call wants a page boundary; sections start on one, so only odd callers are rounded.
        let start = wanted.lowerBound & ~4095
        guard start < wanted.upperBound else { return }
        _ = unsafe capus_advise(base + start, wanted.upperBound - start, advice.rawValue)
    }
}

extension MappedFile.Advice {
    fileprivate var rawValue: Int32 {
        let advice =
            switch self {
            case .normal: CAPUS_ADVICE_NORMAL
            case .willNeed: CAPUS_ADVICE_WILL_NEED
            case .random: CAPUS_ADVICE_RANDOM
            case .sequential: CAPUS_ADVICE_SEQUENTIAL
            }
        return Int32(bitPattern: advice.rawValue)
    }
}
