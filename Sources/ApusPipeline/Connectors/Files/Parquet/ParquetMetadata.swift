/// How bytes of a column lie on disk. The raw values are the format's.
enum ParquetPhysical: Int, Sendable {
    case boolean = 0
    case int32 = 1
    case int64 = 2
    case int96 = 3
    case float = 4
    case double = 5
    case byteArray = 6
    case fixedByteArray = 7
}

/// An element of the schema as the footer has it: a tree in the order of its branches.
struct ParquetSchemaElement: Sendable {
    enum Repetition: Int, Sendable {
        case required = 0
        case optional = 1
        case repeated = 2
    }

    var name = ""
    var physical: ParquetPhysical?
    var typeLength = 0
    var repetition = Repetition.required
    var childCount = 0
    var meaning: ParquetMeaning?

    init(_ reader: inout ThriftReader) throws(FormatFault) {
        var converted: Int?
        var scale = 0
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            switch number {
            case 1:
                let raw = try reader.number(kind)
                guard let type = ParquetPhysical(rawValue: raw) else {
                    throw FormatFault(
                        .unsupported, expected: "a physical type 0…7", found: "\(raw)")
                }
                physical = type
            case 2: typeLength = try reader.size(kind, "a length of values")
            case 3:
                let raw = try reader.number(kind)
                guard let known = Repetition(rawValue: raw) else {
                    throw FormatFault(expected: "a repetition 0…2", found: "\(raw)")
                }
                repetition = known
            case 4: name = try reader.text(kind)
            case 5: childCount = try reader.size(kind, "a number of children")
            case 6: converted = try reader.number(kind)
            case 7: scale = try reader.number(kind)
            case 10: meaning = try ParquetMeaning(&reader, kind)
            default: return false
            }
            return true
        }
        if meaning == nil, let converted {
            meaning = ParquetMeaning(converted: converted, scale: scale)
        }
    }
}

/// Where a column's values of a row group lie.
struct ParquetChunk: Sendable {
    var physical: ParquetPhysical?
    /// Whether somebody here knows it is asked when the column is read.
    var codec = 0
    var valueCount = 0
    /// In the file, from the dictionary's page on where there is one.
    var bytes = 0..<0

    init(_ reader: inout ThriftReader) throws(FormatFault) {
        var hasMetadata = false
        var sizes = (data: 0, dictionary: 0, count: 0)
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            switch number {
            case 1:
                throw FormatFault(
                    .unsupported, expected: "columns in the file itself",
                    found: "one in '\(try reader.text(kind))'")
            case 3:
                hasMetadata = true
                try reader.structure { (reader, number, kind) throws(FormatFault) in
                    try readMetadata(&reader, number, kind, &sizes)
                }
            case 8, 9:
                throw FormatFault(
                    .unsupported, expected: "a file that is not encrypted",
                    found: "an encrypted column")
            default: return false
            }
            return true
        }
        guard hasMetadata else {
            throw FormatFault(expected: "where a column lies", found: "nothing")
        }
        // Writers without a dictionary leave its offset out, or write zero.
        let start = sizes.dictionary > 0 ? min(sizes.dictionary, sizes.data) : sizes.data
        let (end, isTooLarge) = start.addingReportingOverflow(sizes.count)
        guard !isTooLarge else {
            throw FormatFault(expected: "the end of a column", found: "no such number")
        }
        bytes = start..<end
    }

    private mutating func readMetadata(
        _ reader: inout ThriftReader, _ number: Int, _ kind: ThriftReader.Kind,
        _ sizes: inout (data: Int, dictionary: Int, count: Int)
    ) throws(FormatFault) -> Bool {
        switch number {
        case 1: physical = ParquetPhysical(rawValue: try reader.number(kind))
        case 4: codec = try reader.number(kind)
        case 5: valueCount = try reader.size(kind, "a number of values")
        case 7: sizes.count = try reader.size(kind, "a number of bytes")
        case 9: sizes.data = try reader.size(kind, "the offset of a page")
        case 11: sizes.dictionary = try reader.size(kind, "the offset of a dictionary")
        default: return false
        }
        return true
    }
}

/// Rows whose columns lie together.
struct ParquetRowGroup: Sendable {
    var rowCount = 0
    /// One for each leaf of the schema.
    var chunks: [ParquetChunk] = []

    init(_ reader: inout ThriftReader, columnCount: Int) throws(FormatFault) {
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            switch number {
            case 1:
                try reader.structures(kind, "columns", most: columnCount) {
                    (reader) throws(FormatFault) in chunks.append(try ParquetChunk(&reader))
                }
            case 3: rowCount = try reader.size(kind, "a number of rows")
            default: return false
            }
            return true
        }
        guard chunks.count == columnCount else {
            throw FormatFault(
                expected: "\(columnCount) columns in a row group", found: "\(chunks.count)")
        }
    }
}

/// What stands before the bytes of a page.
struct ParquetPageHeader: Sendable {
    enum Kind: Sendable {
        case data(valueCount: Int, ParquetEncoding)
        /// Levels come first, of so many bytes, and are never compressed.
        case levelled(
            valueCount: Int, ParquetEncoding, definitions: Int, repetitions: Int,
            isCompressed: Bool)
        case dictionary(valueCount: Int)
        /// Nothing to read.
        case other
    }

    /// Values of a page, or bytes of one when expanded, beyond which it is refused.
    static let valuesMax = 1 << 25
    static let bytesMax = 256 << 20

    var kind = Kind.other
    var byteCount = 0
    var expandedByteCount = 0
    var checksum: UInt32?

    init(_ reader: inout ThriftReader) throws(FormatFault) {
        var type = -1
        var (one, two, dictionary): (Kind?, Kind?, Kind?)
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            switch number {
            case 1: type = try reader.number(kind)
            case 2: expandedByteCount = try reader.size(kind, "a size of a page")
            case 3: byteCount = try reader.size(kind, "a size of a page")
            case 4: checksum = UInt32(truncatingIfNeeded: try reader.number(kind))
            case 5: one = try Self.data(&reader)
            case 7: dictionary = try Self.dictionary(&reader)
            case 8: two = try Self.levelled(&reader)
            default: return false
            }
            return true
        }
        let wanted: Kind? =
            switch type {
            case 0: one
            case 2: dictionary
            case 3: two
            default: .other
            }
        guard let wanted else {
            throw FormatFault(expected: "a header for a page of type \(type)", found: "none")
        }
        kind = wanted
        guard expandedByteCount <= Self.bytesMax, byteCount <= Self.bytesMax else {
            throw FormatFault(
                .unsupported, expected: "pages of at most \(Self.bytesMax) bytes",
                found: "\(max(byteCount, expandedByteCount))")
        }
    }

    private static func count(
        _ reader: inout ThriftReader, _ kind: ThriftReader.Kind
    ) throws(FormatFault) -> Int {
        let count = try reader.size(kind, "a number of values")
        guard count <= valuesMax else {
            throw FormatFault(
                .unsupported, expected: "pages of at most \(valuesMax) values", found: "\(count)")
        }
        return count
    }

    private static func data(_ reader: inout ThriftReader) throws(FormatFault) -> Kind {
        var valueCount = 0
        var encoding = ParquetEncoding.plain
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            switch number {
            case 1: valueCount = try count(&reader, kind)
            case 2: encoding = try ParquetEncoding(format: reader.number(kind))
            case 3, 4:
                let levels = try reader.number(kind)
                guard levels == ParquetEncoding.runs.rawValue else {
                    throw FormatFault(
                        .unsupported, expected: "levels in runs (RLE)",
                        found: "encoding \(levels)")
                }
            default: return false
            }
            return true
        }
        return .data(valueCount: valueCount, encoding)
    }

    private static func levelled(_ reader: inout ThriftReader) throws(FormatFault) -> Kind {
        var valueCount = 0
        var encoding = ParquetEncoding.plain
        var (definitions, repetitions) = (0, 0)
        var isCompressed = true
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            switch number {
            case 1: valueCount = try count(&reader, kind)
            case 4: encoding = try ParquetEncoding(format: reader.number(kind))
            case 5: definitions = try reader.size(kind, "a size of levels")
            case 6: repetitions = try reader.size(kind, "a size of levels")
            case 7: isCompressed = try reader.truth(kind)
            default: return false
            }
            return true
        }
        return .levelled(
            valueCount: valueCount, encoding, definitions: definitions,
            repetitions: repetitions, isCompressed: isCompressed)
    }

    private static func dictionary(_ reader: inout ThriftReader) throws(FormatFault) -> Kind {
        var valueCount = 0
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            switch number {
            case 1: valueCount = try count(&reader, kind)
            case 2:
                let encoding = try ParquetEncoding(format: reader.number(kind))
                guard encoding == .plain || encoding == .plainDictionary else {
                    throw FormatFault(
                        .unsupported, expected: "a plain dictionary", found: "\(encoding)")
                }
            default: return false
            }
            return true
        }
        return .dictionary(valueCount: valueCount)
    }
}
