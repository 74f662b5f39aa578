/// Bytes that are not what they should be: too short, or a value that no writer of ours makes.
package struct MalformedBytes: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was being read, and what is wrong with it.
    package let reason: String
    /// Where in the buffer, from its start.
    package let offset: Int
    /// The bytes are of a later version than this program knows: not damage.
    package let isNewerFormat: Bool

    package init(_ reason: String, offset: Int) {
        self.reason = reason
        self.offset = offset
        isNewerFormat = false
    }

    /// A version greater than the greatest that this program knows.
    package init(newer what: String, version: UInt64, known: UInt64, offset: Int) {
        reason =
            "\(what) has format version \(version); this program knows versions up to \(known)"
        self.offset = offset
        isNewerFormat = true
    }

    package var description: String { "\(reason) at byte \(offset)" }
}

/// Reads what `ByteWriter` wrote, checking every bound: hostile bytes throw, they never trap.
///
/// A reader borrows its buffer; it must not outlive the memory behind it.
@safe
package struct ByteReader {
    private let buffer: UnsafeRawBufferPointer
    /// Bytes consumed so far.
    package private(set) var offset = 0

    package init(_ buffer: UnsafeRawBufferPointer) { unsafe self.buffer = buffer }

    package var remaining: Int { unsafe buffer.count - offset }

    package var isAtEnd: Bool { remaining == 0 }

    /// What has not been read yet, borrowed from the buffer.
    package var rest: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: buffer[offset...])
    }

    package mutating func read<Integer: FixedWidthInteger>(
        _ type: Integer.Type = Integer.self
    ) throws(MalformedBytes) -> Integer {
        let size = MemoryLayout<Integer>.size
        try require(size)
        let value = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: Integer.self)
        offset += size
        return Integer(littleEndian: value)
    }

    package mutating func readFloat() throws(MalformedBytes) -> Float {
        Float(bitPattern: try read())
    }

    package mutating func readDouble() throws(MalformedBytes) -> Double {
        Double(bitPattern: try read())
    }

    package mutating func readFloats(count: Int) throws(MalformedBytes) -> [Float] {
        let bytes = unsafe try readElements(count: count, size: 4)
        return unsafe [Float](unsafeUninitializedCapacity: count) { target, written in
            unsafe UnsafeMutableRawBufferPointer(target).copyMemory(from: bytes)
            written = count
        }
    }

    package mutating func readUInt32s(count: Int) throws(MalformedBytes) -> [UInt32] {
        let bytes = unsafe try readElements(count: count, size: 4)
        return unsafe [UInt32](unsafeUninitializedCapacity: count) { target, written in
            unsafe UnsafeMutableRawBufferPointer(target).copyMemory(from: bytes)
            written = count
        }
    }

    package mutating func readVarInt() throws(MalformedBytes) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte: UInt8 = try read()
            if shift == 63, byte > 1 {
                throw MalformedBytes("variable-length integer over 64 bits", offset: offset)
            }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
            if shift > 63 {
                throw MalformedBytes("variable-length integer over 64 bits", offset: offset)
            }
        }
    }

    /// A count of things that take at least `minimumSize` bytes each, so that a hostile count
    /// cannot make the caller reserve more memory than the buffer could fill.
    package mutating func readCount(minimumSize: Int) throws(MalformedBytes) -> Int {
        let count = try readVarInt()
        guard count <= UInt64(remaining / max(1, minimumSize)) else {
            throw MalformedBytes(
                "a count of \(count), with \(remaining) bytes left", offset: offset)
        }
        return Int(count)
    }

    package mutating func readString() throws(MalformedBytes) -> String {
        let count = try readCount(minimumSize: 1)
        let bytes = unsafe try readBytes(count: count)
        guard let text = unsafe String(validating: bytes, as: UTF8.self) else {
            throw MalformedBytes("text that is not UTF-8", offset: offset)
        }
        return text
    }

    /// The next bytes, borrowed from the buffer.
    package mutating func readBytes(
        count: Int
    ) throws(MalformedBytes) -> UnsafeRawBufferPointer {
        guard count >= 0 else { throw MalformedBytes("a negative count", offset: offset) }
        try require(count)
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer[offset..<(offset + count)])
        offset += count
        return unsafe bytes
    }

    private mutating func readElements(
        count: Int, size: Int
    ) throws(MalformedBytes) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= remaining / size else {
            throw MalformedBytes(
                "\(count) elements of \(size) bytes, with \(remaining) bytes left", offset: offset)
        }
        return unsafe try readBytes(count: count * size)
    }

    private func require(_ count: Int) throws(MalformedBytes) {
        guard count <= remaining else {
            throw MalformedBytes(
                "the bytes end: \(count) wanted, \(remaining) left", offset: offset)
        }
    }
}
