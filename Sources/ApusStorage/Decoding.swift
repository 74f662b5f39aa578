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

/// The CRC32C of an array's bytes.
func checksum(_ bytes: some Collection<UInt8>, seed: UInt32 = 0) -> UInt32 {
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
