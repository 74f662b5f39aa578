import ApusCore
import ApusKernels

/// Reads fields out of `bytes`, which start at `base` in the file at `path`: bytes that end too
/// early become a `.corrupt` error that names the place.
func decoding<Fields>(
    _ bytes: UnsafeRawBufferPointer, path: String, base: Int = 0, _ what: String,
    _ body: (inout ByteReader) throws(MalformedBytes) -> Fields
) throws(StorageError) -> Fields {
    var reader = unsafe ByteReader(bytes)
    do throws(MalformedBytes) {
        return try body(&reader)
    } catch {
        throw .corrupt(path, at: base + error.offset, "\(what): \(error.reason)")
    }
}

/// Throws for a version that is not known yet: `.newerFormat`, or `.corrupt` when the checksum says
/// that it is a known one which was damaged.
///
/// `stored` is the checksum of `head`, in which bytes 4 and 5 are the version, and then `rest`.
func checkVersion(
    _ found: UInt16, known: UInt16, of what: String, path: String, stored: UInt32,
    _ head: UnsafeRawBufferPointer, _ rest: UnsafeRawBufferPointer? = nil
) throws(StorageError) {
    guard found > known else { return }
    var written = unsafe Array(head)
    for version in 1...known where written.count >= 6 {
        written[4] = UInt8(truncatingIfNeeded: version)
        written[5] = UInt8(truncatingIfNeeded: version >> 8)
        var sum = checksum(written)
        if let rest = unsafe rest { sum = unsafe CRC32C.checksum(rest, seed: sum) }
        guard sum != stored else {
            throw .corrupt(
                path, at: 4,
                "version of \(what): expected \(version), which fits the checksum, found \(found)")
        }
    }
    throw .newer(path, what: what, found: found, known: known)
}

/// The CRC32C of an array's bytes.
package func checksum(_ bytes: some Collection<UInt8>, seed: UInt32 = 0) -> UInt32 {
    let result = bytes.withContiguousStorageIfAvailable { buffer in
        unsafe CRC32C.checksum(UnsafeRawBufferPointer(buffer), seed: seed)
    }
    return result ?? checksum(Array(bytes), seed: seed)
}

extension UnsafeRawBufferPointer {
    /// The bytes in `range`, which the caller has checked to lie inside.
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: self[range])
    }
}
