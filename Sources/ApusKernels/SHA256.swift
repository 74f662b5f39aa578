private import CApusKernels

/// SHA-256 (FIPS 180-4), fed piece by piece: names content, where a checksum only finds accidents.
///
/// Uses the processor's SHA instructions when it has them.
package struct SHA256: Sendable {
    /// 32 bytes, as 64 lowercase hexadecimal digits in text.
    package struct Digest: Hashable, Sendable, CustomStringConvertible {
        package let bytes: [UInt8]

        fileprivate init(words: [UInt32]) {
            bytes = words.flatMap { word in
                stride(from: 24, through: 0, by: -8).map {
                    UInt8(truncatingIfNeeded: word >> UInt32($0))
                }
            }
        }

        package var description: String {
            bytes.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
        }
    }

    private static let blockByteCount = 64

    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19,
    ]
    /// The bytes after the last whole block.
    private var rest: [UInt8] = []
    private var byteCount: UInt64 = 0
    private let isScalar: Bool

    package init() { isScalar = false }

    /// The version that is the specification of the other, for tests.
    package init(scalar: Void) { isScalar = true }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        byteCount += UInt64(bytes.count)
        var start = 0
        if !rest.isEmpty {
            start = min(Self.blockByteCount - rest.count, bytes.count)
            unsafe rest.append(contentsOf: bytes[..<start])
            guard rest.count == Self.blockByteCount else { return }
            let block = rest
            unsafe block.withUnsafeBytes { unsafe add($0, count: 1) }
            rest.removeAll(keepingCapacity: true)
        }
        let blocks = (bytes.count - start) / Self.blockByteCount
        if blocks > 0 {
            unsafe add(UnsafeRawBufferPointer(rebasing: bytes[start...]), count: blocks)
            start += blocks * Self.blockByteCount
        }
        unsafe rest.append(contentsOf: bytes[start...])
    }

    package mutating func update(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe update($0) }
    }

    /// Of everything so far; the value itself may go on.
    package func digest() -> Digest {
        var copy = self
        let bits = byteCount &* 8
        var padding: [UInt8] = [0x80]
        let used = (rest.count + 1 + 8) % Self.blockByteCount
        if used != 0 {
            padding.append(contentsOf: repeatElement(0, count: Self.blockByteCount - used))
        }
        for shift in stride(from: 56, through: 0, by: -8) {
            padding.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
        }
        copy.update(padding)
        return Digest(words: copy.state)
    }

    package static func digest(of bytes: [UInt8]) -> Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.digest()
    }

    private mutating func add(_ blocks: UnsafeRawBufferPointer, count: Int) {
        guard let base = blocks.baseAddress else { return }
        unsafe state.withUnsafeMutableBufferPointer { words in
            guard let words = words.baseAddress else { return }
            let compress = unsafe isScalar ? capus_sha256_scalar : Self.best
            unsafe compress(words, base.assumingMemoryBound(to: UInt8.self), count)
        }
    }

    private static let best: capus_sha256 = unsafe capus_sha256_hardware() ?? capus_sha256_scalar
}

extension SHA256.Digest {
    package static let byteCount = 32

    /// nil: not 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
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
        self.bytes = bytes
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
