internal import ApusCore

/// Writes a section that is a header and arrays of integers, each with its count:
///
/// | type | meaning |
/// |---|---|
/// | header | as its owner says |
/// | u32 | how many parts there are |
/// | u32 | zero |
/// | parts × 2 × u64 | where each begins in the section, a multiple of 8, and its bytes |
/// | | the parts, zeros between them |
struct SectionPartsWriter {
    private var header: [UInt8]
    private var parts: [[UInt8]] = []

    init(header: [UInt8]) { self.header = header }

    mutating func add<Element: FixedWidthInteger>(_ elements: [Element]) {
        var writer = ByteWriter(reservingCapacity: elements.count * MemoryLayout<Element>.size)
        for element in elements { writer.write(element) }
        parts.append(writer.bytes)
    }

    mutating func add(_ elements: [UInt32]) {
        var writer = ByteWriter(reservingCapacity: elements.count * 4)
        writer.write(elements)
        parts.append(writer.bytes)
    }

    mutating func add(bytes: [UInt8]) { parts.append(bytes) }

    func encoded() -> [UInt8] {
        let size = parts.reduce(header.count + 16 * parts.count + 16) { $0 + $1.count + 8 }
        var writer = ByteWriter(reservingCapacity: size)
        writer.write(bytes: header)
        writer.write(UInt32(parts.count))
        writer.write(UInt32(0))
        var offset = SectionParts.aligned(writer.count + 16 * parts.count)
        for part in parts {
            writer.write(UInt64(offset))
            writer.write(UInt64(part.count))
            offset = SectionParts.aligned(offset + part.count)
        }
        for part in parts {
            writer.pad(toMultipleOf: 8)
            writer.write(bytes: part)
        }
        writer.pad(toMultipleOf: 8)
        return writer.bytes
    }
}

/// The parts of such a section, taken one after the other.
struct SectionParts {
    private let bytes: SectionBytes
    private let ranges: [Range<Int>]
    private var position = 0

    static func aligned(_ offset: Int) -> Int { (offset + 7) / 8 * 8 }

    /// Reads the table behind a header that `reader` has passed.
    init(_ bytes: SectionBytes, after reader: inout ByteReader) throws(MalformedBytes) {
        self.bytes = bytes
        let count = Int(try reader.read(UInt32.self))
        _ = try reader.read(UInt32.self)
        guard count <= reader.remaining / 16 else {
            throw MalformedBytes("\(count) parts", offset: reader.offset)
        }
        var ranges: [Range<Int>] = []
        var end = reader.offset + 16 * count
        for part in 0..<count {
            let start = try reader.read(UInt64.self)
            let size = try reader.read(UInt64.self)
            guard let start = Int(exactly: start), let size = Int(exactly: size),
                start == Self.aligned(end), start <= bytes.count, size <= bytes.count - start
            else { throw MalformedBytes("part \(part) is not in its place", offset: reader.offset) }
            end = start + size
            ranges.append(start..<end)
        }
        guard Self.aligned(end) == bytes.count else {
            throw MalformedBytes("bytes behind the last part", offset: end)
        }
        self.ranges = ranges
    }

    mutating func next<Element>() throws(MalformedBytes) -> SectionArray<Element> {
        guard position < ranges.count else { throw malformed("a part is missing") }
        let range = ranges[position]
        guard range.count % MemoryLayout<Element>.size == 0 else {
            throw malformed("a part has a broken element at its end")
        }
        position += 1
        return SectionArray(
            bytes, at: range.lowerBound, count: range.count / MemoryLayout<Element>.size)
    }

    /// Throws unless all parts were taken.
    func finish() throws(MalformedBytes) {
        guard position == ranges.count else { throw malformed("parts of unknown meaning") }
    }

    /// An error at the part that was taken last.
    func malformed(_ reason: String) -> MalformedBytes {
        MalformedBytes(
            reason, offset: position > 0 ? ranges[position - 1].lowerBound : 0)
    }
}
