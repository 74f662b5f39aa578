/// A value of a column.
enum ParquetValue: Hashable, Sendable {
    case bool(Bool)
    case integer(Int64)
    case float(Float)
    case double(Double)
    case bytes(ArraySlice<UInt8>)
}

/// How the values of a page are written. The raw values are the format's.
enum ParquetEncoding: Int, Sendable {
    case plain = 0
    case plainDictionary = 2
    case runs = 3
    case delta = 5
    case deltaLengths = 6
    case deltaBytes = 7
    case dictionary = 8
    case byteStreamSplit = 9

    init(format raw: Int) throws(FormatFault) {
        guard let encoding = ParquetEncoding(rawValue: raw) else {
            throw FormatFault(
                .unsupported, expected: "an encoding that this reader knows",
                found: raw == 4 ? "BIT_PACKED" : "encoding \(raw)")
        }
        self = encoding
    }
}

/// The values of a page, one after the other.
protocol ParquetDecoder: Sendable {
    mutating func next() throws(FormatFault) -> ParquetValue
}

/// What the values of a column are made of.
struct ParquetType: Hashable, Sendable {
    var physical: ParquetPhysical
    /// Bytes of a value of fixed length.
    var length: Int

    /// Bytes of a plain value; nil: they differ, or are bits.
    var size: Int? {
        switch physical {
        case .boolean, .byteArray: nil
        case .int32, .float: 4
        case .int64, .double: 8
        case .int96: 12
        case .fixedByteArray: length
        }
    }

    /// A value of fixed size that the caller knows to be there.
    func value(_ bytes: [UInt8], at offset: Int) -> ParquetValue {
        switch physical {
        case .int32:
            let bits = ParquetBits.littleEndian(bytes, at: offset, count: 4)
            return .integer(Int64(Int32(truncatingIfNeeded: bits)))
        case .int64:
            return .integer(
                Int64(bitPattern: ParquetBits.littleEndian(bytes, at: offset, count: 8)))
        case .float:
            let bits = ParquetBits.littleEndian(bytes, at: offset, count: 4)
            return .float(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        case .double:
            return .double(
                Double(bitPattern: ParquetBits.littleEndian(bytes, at: offset, count: 8)))
        case .boolean: return .bool(bytes[offset] != 0)
        case .int96: return .bytes(bytes[offset..<(offset + 12)])
        case .byteArray, .fixedByteArray: return .bytes(bytes[offset..<(offset + length)])
        }
    }

    /// A decoder of `bytes[range]`.
    func decoder(
        _ encoding: ParquetEncoding, _ bytes: [UInt8], in range: Range<Int>,
        _ dictionary: ParquetDictionary?
    ) throws(FormatFault) -> any ParquetDecoder {
        // Of a page of nulls only there may be nothing at all.
        guard !range.isEmpty else {
            return PlainBytes(bytes: bytes, position: range.lowerBound, end: range.upperBound)
        }
        switch (encoding, physical) {
        case (.plain, .boolean):
            return BooleanBits(bytes: bytes, end: range.upperBound * 8, bit: range.lowerBound * 8)
        case (.plain, .byteArray):
            return PlainBytes(bytes: bytes, position: range.lowerBound, end: range.upperBound)
        case (.plain, _):
            return PlainNumbers(
                type: self, size: size ?? 1, bytes: bytes, position: range.lowerBound,
                end: range.upperBound)
        case (.runs, .boolean): return try BooleanRuns(bytes, in: range)
        case (.plainDictionary, _), (.dictionary, _):
            guard let dictionary else {
                throw FormatFault(expected: "a dictionary before its indices", found: "none")
            }
            return try DictionaryIndices(dictionary, bytes, in: range)
        case (.delta, .int32):
            return DeltaNumbers(deltas: try ParquetDeltas(bytes, in: range), is32: true)
        case (.delta, .int64):
            return DeltaNumbers(deltas: try ParquetDeltas(bytes, in: range), is32: false)
        case (.deltaLengths, .byteArray): return try DeltaLengths(bytes, in: range)
        case (.deltaBytes, .byteArray), (.deltaBytes, .fixedByteArray):
            return try DeltaBytes(bytes, in: range, length: physical == .byteArray ? nil : length)
        case (.byteStreamSplit, .int32), (.byteStreamSplit, .int64), (.byteStreamSplit, .float),
            (.byteStreamSplit, .double), (.byteStreamSplit, .fixedByteArray):
            return try SplitStreams(self, bytes, in: range)
        default:
            throw FormatFault(
                .unsupported, expected: "an encoding for \(physical)", found: "\(encoding)")
        }
    }
}

/// The values that indices of a column's pages stand for.
struct ParquetDictionary: Sendable {
    private let type: ParquetType
    private let bytes: [UInt8]
    /// Where the values of differing length lie.
    private var ranges: [Range<Int>] = []
    let count: Int

    init(_ type: ParquetType, _ bytes: [UInt8], count: Int) throws(FormatFault) {
        self.type = type
        self.bytes = bytes
        self.count = count
        if let size = type.size {
            guard size > 0, count <= bytes.count / size else {
                throw FormatFault(
                    expected: "a dictionary of \(count) values", found: "\(bytes.count) bytes")
            }
            return
        }
        guard type.physical == .byteArray else {
            throw FormatFault(
                .unsupported, expected: "booleans without a dictionary", found: "one")
        }
        var plain = PlainBytes(bytes: bytes, position: 0, end: bytes.count)
        for _ in 0..<count { ranges.append(try plain.nextRange()) }
    }

    func value(_ index: UInt32) throws(FormatFault) -> ParquetValue {
        guard index < UInt32(clamping: count) else {
            throw FormatFault(
                expected: "an index below \(count) into the dictionary", found: "\(index)")
        }
        guard let size = type.size else { return .bytes(bytes[ranges[Int(index)]]) }
        return type.value(bytes, at: Int(index) * size)
    }
}

private func ended(_ what: String) -> FormatFault {
    FormatFault(expected: what, found: "the end of the page")
}

private struct PlainNumbers: ParquetDecoder {
    let type: ParquetType
    let size: Int
    let bytes: [UInt8]
    var position: Int
    let end: Int

    mutating func next() throws(FormatFault) -> ParquetValue {
        guard size <= end - position else { throw ended("a value of \(size) bytes") }
        defer { position += size }
        return type.value(bytes, at: position)
    }
}

private struct PlainBytes: ParquetDecoder {
    let bytes: [UInt8]
    var position: Int
    let end: Int

    mutating func nextRange() throws(FormatFault) -> Range<Int> {
        guard end - position >= 4 else { throw ended("the length of a value") }
        let length = Int(ParquetBits.littleEndian(bytes, at: position, count: 4))
        guard length <= end - position - 4 else { throw ended("a value of \(length) bytes") }
        let start = position + 4
        position = start + length
        return start..<position
    }

    mutating func next() throws(FormatFault) -> ParquetValue { .bytes(bytes[try nextRange()]) }
}

private struct BooleanBits: ParquetDecoder {
    let bytes: [UInt8]
    let end: Int
    var bit: Int

    mutating func next() throws(FormatFault) -> ParquetValue {
        guard bit < end else { throw ended("a value of one bit") }
        defer { bit += 1 }
        return .bool(bytes[bit >> 3] >> UInt8(bit & 7) & 1 == 1)
    }
}

private struct BooleanRuns: ParquetDecoder {
    private var runs: ParquetRuns

    /// The runs come after their length in bytes.
    init(_ bytes: [UInt8], in range: Range<Int>) throws(FormatFault) {
        guard range.count >= 4 else { throw ended("the length of runs") }
        let length = Int(ParquetBits.littleEndian(bytes, at: range.lowerBound, count: 4))
        guard length <= range.count - 4 else { throw ended("runs of \(length) bytes") }
        let start = range.lowerBound + 4
        runs = try ParquetRuns(bytes, in: start..<(start + length), width: 1)
    }

    mutating func next() throws(FormatFault) -> ParquetValue { .bool(try runs.next() != 0) }
}

private struct DictionaryIndices: ParquetDecoder {
    private let dictionary: ParquetDictionary
    private var indices: ParquetRuns

    /// The indices' width is the first byte, which the caller knows to be there.
    init(
        _ dictionary: ParquetDictionary, _ bytes: [UInt8], in range: Range<Int>
    ) throws(FormatFault) {
        self.dictionary = dictionary
        let start = range.lowerBound
        indices = try ParquetRuns(
            bytes, in: (start + 1)..<range.upperBound, width: Int(bytes[start]))
    }

    mutating func next() throws(FormatFault) -> ParquetValue {
        try dictionary.value(try indices.next())
    }
}

private struct DeltaNumbers: ParquetDecoder {
    var deltas: ParquetDeltas
    let is32: Bool

    mutating func next() throws(FormatFault) -> ParquetValue {
        let value = try deltas.next()
        return .integer(is32 ? Int64(Int32(truncatingIfNeeded: value)) : value)
    }
}

/// All lengths, then all bytes.
private struct DeltaLengths: ParquetDecoder {
    private var lengths: ParquetDeltas
    private let bytes: [UInt8]
    private var position: Int
    private let end: Int

    init(_ bytes: [UInt8], in range: Range<Int>) throws(FormatFault) {
        self.bytes = bytes
        end = range.upperBound
        lengths = try ParquetDeltas(bytes, in: range)
        var ahead = lengths
        position = try ahead.finish()
    }

    mutating func nextSlice() throws(FormatFault) -> ArraySlice<UInt8> {
        let length = try lengths.next()
        guard length >= 0, length <= Int64(end - position) else {
            throw ended("a value of \(length) bytes")
        }
        defer { position += Int(length) }
        return bytes[position..<(position + Int(length))]
    }

    mutating func next() throws(FormatFault) -> ParquetValue { .bytes(try nextSlice()) }
}

/// Of each value how much it shares with the one before it, then what follows that.
private struct DeltaBytes: ParquetDecoder {
    private var shared: ParquetDeltas
    private var suffixes: DeltaLengths
    private var last: [UInt8] = []
    /// Of values of fixed length.
    private let length: Int?

    init(_ bytes: [UInt8], in range: Range<Int>, length: Int?) throws(FormatFault) {
        self.length = length
        shared = try ParquetDeltas(bytes, in: range)
        var ahead = shared
        suffixes = try DeltaLengths(bytes, in: try ahead.finish()..<range.upperBound)
    }

    mutating func next() throws(FormatFault) -> ParquetValue {
        let count = try shared.next()
        guard count >= 0, count <= Int64(last.count) else {
            throw FormatFault(
                expected: "at most \(last.count) bytes of the value before", found: "\(count)")
        }
        last.removeSubrange(Int(count)...)
        last += try suffixes.nextSlice()
        if let length, last.count != length {
            throw FormatFault(expected: "a value of \(length) bytes", found: "\(last.count)")
        }
        return .bytes(last[...])
    }
}

/// The first bytes of all values, then the second bytes, and so on.
private struct SplitStreams: ParquetDecoder {
    private let type: ParquetType
    private let size: Int
    private let bytes: [UInt8]
    private let start: Int
    private let count: Int
    private var index = 0

    init(_ type: ParquetType, _ bytes: [UInt8], in range: Range<Int>) throws(FormatFault) {
        self.type = type
        self.bytes = bytes
        start = range.lowerBound
        size = max(1, type.size ?? 1)
        guard range.count.isMultiple(of: size) else {
            throw FormatFault(
                expected: "streams of values of \(size) bytes", found: "\(range.count) bytes")
        }
        count = range.count / size
    }

    mutating func next() throws(FormatFault) -> ParquetValue {
        guard index < count else { throw ended("a value of \(size) bytes") }
        defer { index += 1 }
        let value = (0..<size).map { bytes[start + $0 * count + index] }
        return type.value(value, at: 0)
    }
}
