private import CLZ4

/// LZ4 block compression, with checked lengths on the way back.
enum BlockCompression {
    /// LZ4 cannot expand a byte to more than 255, so a larger claim is a lie.
    static let expansionMax = 255

    /// `bytes` compressed; nil when that is not smaller.
    static func compressed(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        // Below this the gain never pays for the second copy.
        guard bytes.count >= 64, let source = bytes.baseAddress,
            let sourceCount = Int32(exactly: bytes.count), sourceCount <= LZ4_MAX_INPUT_SIZE
        else { return nil }
        // One byte less than the input: LZ4 gives up as soon as the result would not be smaller.
        let capacity = bytes.count - 1
        let result = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { target, written in
            let count = unsafe LZ4_compress_default(
                source.assumingMemoryBound(to: CChar.self),
                UnsafeMutableRawPointer(target.baseAddress)?.assumingMemoryBound(to: CChar.self),
                sourceCount, Int32(capacity))
            written = max(0, Int(count))
        }
        return result.isEmpty ? nil : result
    }

    /// Whether `rawCount` bytes can come out of `storedCount` compressed ones.
    static func isPlausible(rawCount: Int, storedCount: Int) -> Bool {
        rawCount >= 0 && storedCount > 0 && rawCount <= Int(Int32.max)
            && storedCount <= Int(Int32.max) && rawCount / expansionMax <= storedCount
    }

    /// The raw bytes; nil when `bytes` do not decompress to exactly `rawCount` bytes.
    static func decompressed(_ bytes: UnsafeRawBufferPointer, rawCount: Int) -> [UInt8]? {
        guard isPlausible(rawCount: rawCount, storedCount: bytes.count),
            let source = bytes.baseAddress
        else { return nil }
        let result = unsafe [UInt8](unsafeUninitializedCapacity: rawCount) { target, written in
            let count = unsafe LZ4_decompress_safe(
                source.assumingMemoryBound(to: CChar.self),
                UnsafeMutableRawPointer(target.baseAddress)?.assumingMemoryBound(to: CChar.self),
                Int32(bytes.count), Int32(rawCount))
            written = max(0, Int(count))
        }
        return result.count == rawCount ? result : nil
    }
}
