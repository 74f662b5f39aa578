/// Appends values in the project's byte order (little-endian) to a growing array.
package struct ByteWriter {
    package private(set) var bytes: [UInt8]

    package init(reservingCapacity capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    package var count: Int { bytes.count }

    package mutating func write(_ value: UInt8) { bytes.append(value) }

    package mutating func write<Integer: FixedWidthInteger>(_ value: Integer) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    package mutating func write(_ value: Float) { write(value.bitPattern) }

    package mutating func write(_ value: Double) { write(value.bitPattern) }

    /// The values one after the other, without a count.
    package mutating func write(_ values: [Float]) {
        unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// The values one after the other, without a count.
    package mutating func write(_ values: [UInt32]) {
        unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// The bytes as they are, without a count.
    package mutating func write(bytes newBytes: some Sequence<UInt8>) {
        bytes.append(contentsOf: newBytes)
    }

    /// The same of an array: what is generic goes through tables where another module calls it.
    package mutating func write(bytes newBytes: [UInt8]) { bytes.append(contentsOf: newBytes) }

    /// An unsigned number in 1…10 bytes, seven bits each, low bits first (LEB128).
    package mutating func writeVarInt(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// A count as varint, then the UTF-8 bytes.
    package mutating func writeString(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            writeVarInt(UInt64(utf8.count))
            unsafe bytes.append(contentsOf: utf8)
        }
    }

    /// Zero bytes up to the next multiple of `alignment`.
    package mutating func pad(toMultipleOf alignment: Int) {
        let rest = bytes.count % alignment
        if rest != 0 { bytes.append(contentsOf: repeatElement(0, count: alignment - rest)) }
    }

    /// Replaces four bytes that were written before, such as a length known only afterwards.
    package mutating func overwrite(_ value: UInt32, at offset: Int) {
        for byte in 0..<4 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
    }
}
