private import CApusKernels

/// CRC-32C (Castagnoli), the checksum of every file format of ours.
///
/// Uses the processor's CRC instructions (SSE4.2 or ARMv8) when it has them, and a table
/// otherwise; the results are the same.
package enum CRC32C {
    /// The checksum of `bytes`. With `seed`, the checksum of the bytes before, it is the checksum
    /// of both parts: `checksum(b, seed: checksum(a)) == checksum(a + b)`.
    package static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress else { return seed }
        return unsafe best(seed, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// The checksum of an array's bytes.
    package static func checksum(of bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe checksum($0, seed: seed) }
    }

    /// As `checksum`, by the table version: the specification that the tests compare with.
    package static func tableChecksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress else { return seed }
        return unsafe capus_crc32c_scalar(
            seed, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    private static let best: capus_crc32c = unsafe capus_crc32c_hardware() ?? capus_crc32c_scalar
}
