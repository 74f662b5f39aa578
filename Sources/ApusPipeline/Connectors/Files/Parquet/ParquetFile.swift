/// A Parquet file: rows in columns, as Spark, pyarrow, DuckDB, Polars and others write them.
///
/// A reader of the Apache Parquet format in bounded memory: row group by row group, and of each
/// column a page at a time. It knows both versions of data pages, every encoding but the old
/// BIT_PACKED levels, and the codecs of `ParquetCodec`. Encrypted files, columns in other files and
/// other codecs are refused by name. Checksums of pages are looked at where a page has one; every
/// offset, length and level is.
package struct ParquetFile: Sendable {
    package let source: any RangedBytes
    package let rowCount: Int
    let schema: ParquetSchema
    private let footer: [UInt8]
    /// Where the footer begins in the file: columns lie before it.
    let footerStart: Int
    /// Where in the footer a row group is described, and its rows.
    let groups: [(place: Int, rowCount: Int)]

    private static let footerBytesMax = 64 << 20
    private static let groupsMax = 1 << 20
    private static let magic = Array("PAR1".utf8)
    private static let encryptedMagic = Array("PARE".utf8)

    package init(_ source: any RangedBytes) async throws {
        self.source = source
        let size = source.size
        guard size >= 12 else {
            throw PipelineError.malformed(
                file: source.path, .byte(0), expected: "a Parquet file",
                found: "a file of \(size) bytes")
        }
        let tail = try await source.bytes(at: size - 8, count: 8)
        let length = tail.count == 8 ? Int(ParquetBits.littleEndian(tail, at: 0, count: 4)) : 0
        if tail.suffix(4).elementsEqual(Self.encryptedMagic) {
            throw PipelineError.unsupported(
                file: source.path, expected: "a file that is not encrypted",
                found: "an encrypted footer")
        }
        guard tail.count == 8, tail.suffix(4).elementsEqual(Self.magic) else {
            throw PipelineError.malformed(
                file: source.path, .byte(size - 4), expected: "'PAR1' at the end",
                found: "other bytes")
        }
        guard length <= Self.footerBytesMax else {
            throw PipelineError.unsupported(
                file: source.path, expected: "a footer of at most \(Self.footerBytesMax) bytes",
                found: "\(length)")
        }
        guard length <= size - 12 else {
            throw PipelineError.malformed(
                file: source.path, .byte(size - 8), expected: "the length of a footer in the file",
                found: "\(length)")
        }
        let start = size - 8 - length
        let footer = try await source.bytes(at: start, count: length)
        self.footer = footer
        footerStart = start
        do throws(FormatFault) {
            (schema, rowCount, groups) = try Self.read(footer)
        } catch {
            throw error.error(source.path, .byte(start))
        }
    }

    /// The names of the columns on top.
    package var names: [String] { schema.names }

    /// What a row group says of its columns.
    func group(_ number: Int) throws(PipelineError) -> ParquetRowGroup {
        var reader = ThriftReader(footer, at: groups[number].place)
        do throws(FormatFault) {
            return try ParquetRowGroup(&reader, columnCount: schema.columnCount)
        } catch {
            throw error.error(source.path, .byte(footerStart + groups[number].place))
        }
    }

    private static func read(
        _ footer: [UInt8]
    ) throws(FormatFault) -> (ParquetSchema, Int, [(place: Int, rowCount: Int)]) {
        var elements: [ParquetSchemaElement] = []
        var schema: ParquetSchema?
        var rowCount = 0
        var groups: [(place: Int, rowCount: Int)] = []
        var reader = ThriftReader(footer)
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            switch number {
            case 2:
                try reader.structures(
                    kind, "nodes of the schema", most: ParquetSchema.elementsMax
                ) { (reader) throws(FormatFault) in
                    elements.append(try ParquetSchemaElement(&reader))
                }
                schema = try ParquetSchema(elements)
            case 3: rowCount = try reader.size(kind, "a number of rows")
            case 4:
                guard let schema else {
                    throw FormatFault(expected: "a schema before row groups", found: "none")
                }
                try reader.structures(kind, "row groups", most: groupsMax) {
                    (reader) throws(FormatFault) in
                    let place = reader.position
                    let group = try ParquetRowGroup(&reader, columnCount: schema.columnCount)
                    groups.append((place, group.rowCount))
                }
            case 8:
                throw FormatFault(
                    .unsupported, expected: "a file that is not encrypted",
                    found: "encrypted columns")
            default: return false
            }
            return true
        }
        guard let schema else { throw FormatFault(expected: "a schema", found: "none") }
        var sum = 0
        for group in groups {
            let (next, isTooLarge) = sum.addingReportingOverflow(group.rowCount)
            guard !isTooLarge else {
                throw FormatFault(expected: "\(rowCount) rows", found: "no such number")
            }
            sum = next
        }
        guard sum == rowCount else {
            throw FormatFault(expected: "\(rowCount) rows in row groups", found: "\(sum)")
        }
        return (schema, rowCount, groups)
    }
}
