private import CApusKernels

/// SHA-256 (FIPS 180-4), fed piece by piece: names content, where a checksum only finds accidents.
///
/// Uses the processor's SHA instructions when it has them. A value of its own without memory elsewhere,
/// so that what many texts begin with can be hashed once, and a copy of that goes on with each.
package struct SHA256: Sendable {
    /// 32 bytes, as 64 lowercase hexadecimal digits in text.
    package struct Digest: Hashable, Sendable, CustomStringConvertible {
        /// The bytes in four numbers, each big-endian.
        package let words: SIMD4<UInt64>

        fileprivate init(_ state: InlineArray<8, UInt32>) {
            var words = SIMD4<UInt64>()
            for index in 0..<4 {
                words[index] = UInt64(state[2 * index]) << 32 | UInt64(state[2 * index + 1])
            }
            self.words = words
        }

        package var bytes: [UInt8] {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(Self.byteCount)
            for index in 0..<4 {
                for byte in 0..<8 {
                    bytes.append(UInt8(truncatingIfNeeded: words[index] >> UInt64(56 - 8 * byte)))
                }
            }
            return bytes
        }

        package var description: String {
            bytes.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
        }
    }

    private static let blockByteCount = 64
    /// The last block ends with the number of bits.
    private static let lengthByteCount = 8

    private var state: InlineArray<8, UInt32> = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19,
    ]
    /// The bytes after the last whole block, and others behind them.
    private var rest = InlineArray<64, UInt8>(repeating: 0)
    private var byteCount: UInt64 = 0
    private let isScalar: Bool

    package init() { isScalar = false }

    /// The version that is the specification of the other, for tests.
    package init(scalar: Void) { isScalar = true }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        let restCount = self.restCount
        byteCount += UInt64(bytes.count)
        var start = 0
        if restCount > 0 {
            start = min(Self.blockByteCount - restCount, bytes.count)
            unsafe keep(UnsafeRawBufferPointer(rebasing: bytes[..<start]), at: restCount)
            guard restCount + start == Self.blockByteCount else { return }
            addRest()
        }
        let blocks = (bytes.count - start) / Self.blockByteCount
        if blocks > 0 {
            unsafe add(UnsafeRawBufferPointer(rebasing: bytes[start...]), count: blocks)
            start += blocks * Self.blockByteCount
        }
        unsafe keep(UnsafeRawBufferPointer(rebasing: bytes[start...]), at: 0)
    }

    package mutating func update(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe update($0) }
    }

    /// Of everything so far; the value itself may go on.
    package func digest() -> Digest {
        var copy = self
        copy.finish()
        return Digest(copy.state)
    }

    package static func digest(of bytes: [UInt8]) -> Digest {
        var hash = SHA256()
        hash.update(bytes)
        hash.finish()
        return Digest(hash.state)
    }

    /// What is left, a bit, zeros, and how many bits there were: one block or two.
    private mutating func finish() {
        var used = restCount
        rest[used] = 0x80
        used += 1
        if used > Self.blockByteCount - Self.lengthByteCount {
            for index in used..<Self.blockByteCount { rest[index] = 0 }
            addRest()
            used = 0
        }
        let bits = byteCount &* 8
        for index in used..<(Self.blockByteCount - Self.lengthByteCount) { rest[index] = 0 }
        for index in 0..<Self.lengthByteCount {
            let shift = UInt64(8 * (Self.lengthByteCount - 1 - index))
            rest[Self.blockByteCount - Self.lengthByteCount + index] = UInt8(
                truncatingIfNeeded: bits >> shift)
        }
        addRest()
    }

    private var restCount: Int { Int(byteCount % UInt64(Self.blockByteCount)) }

    /// Puts bytes into the block that is not whole, which has room for them.
    private mutating func keep(_ bytes: UnsafeRawBufferPointer, at start: Int) {
        unsafe withUnsafeMutableBytes(of: &rest) { rest in
            unsafe UnsafeMutableRawBufferPointer(rebasing: rest[start...]).copyMemory(from: bytes)
        }
    }

    private mutating func addRest() {
        let block = rest
        unsafe withUnsafeBytes(of: block) { unsafe add($0, count: 1) }
    }

    private mutating func add(_ blocks: UnsafeRawBufferPointer, count: Int) {
        guard let base = blocks.baseAddress else { return }
        let compress = unsafe isScalar ? capus_sha256_scalar : Self.best
        unsafe withUnsafeMutableBytes(of: &state) { words in
            guard let words = words.baseAddress else { return }
            unsafe compress(
                words.assumingMemoryBound(to: UInt32.self),
                base.assumingMemoryBound(to: UInt8.self), count)
        }
    }

    private static let best: capus_sha256 = unsafe capus_sha256_hardware() ?? capus_sha256_scalar
}

extension SHA256.Digest {
    package static let byteCount = 32

    /// nil: not 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        var words = SIMD4<UInt64>()
        for (index, byte) in bytes.enumerated() {
            words[index / 8] = words[index / 8] << 8 | UInt64(byte)
        }
        self.words = words
    }

    /// nil: not 64 hexadecimal digits.
    package init?(text: some StringProtocol) {
        let digits = Array(text.utf8)
        guard digits.count == 2 * Self.byteCount else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.value(digits[start]), let low = Self.value(digits[start + 1])
            else { return nil }
            bytes.append(high << 4 | low)
        }
        self.init(bytes: bytes)
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
