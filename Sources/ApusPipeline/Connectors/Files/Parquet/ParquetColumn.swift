/// A value of a column with its levels; nil where it, or something above it, is missing.
struct ParquetEntry: Sendable {
    var repetition: UInt8
    var definition: UInt8
    var value: ParquetValue?
}

/// Reads a column of a row group, page by page: holds a page, a dictionary, and the entries of a
/// row.
struct ParquetColumn: Sendable {
    let leaf: ParquetLeaf
    /// Of the row that was read last.
    private(set) var entries: [ParquetEntry] = []

    private let source: any RangedBytes
    private var group = 0
    private var codec = ParquetCodec.uncompressed
    /// What is left of the column in the file.
    private var rest = 0..<0
    /// Values that pages to come must have.
    private var valuesAhead = 0
    private var pageNumber = -1
    private var dictionary: ParquetDictionary?
    private var page: Page?
    /// A piece of the file.
    private var piece: [UInt8] = []
    private var pieceStart = 0

    /// Values that a column may have in a row. More are damage, or no payload.
    private static let rowValuesMax = 1 << 20
    private static let headerBytesMax = 1 << 20

    fileprivate struct Page {
        var repetitions: ParquetRuns?
        var definitions: ParquetRuns?
        var values: any ParquetDecoder
        var left: Int
        /// The repetition of the next entry, which says that the row before it is over.
        var repetition: UInt8?
    }

    init(_ leaf: ParquetLeaf, of source: any RangedBytes) {
        self.leaf = leaf
        self.source = source
    }

    /// Goes to the column's part of a row group. `end` is where the footer begins.
    mutating func open(
        _ chunk: ParquetChunk, group number: Int, end: Int
    ) throws(PipelineError) {
        group = number
        pageNumber = -1
        dictionary = nil
        page = nil
        piece = []
        valuesAhead = chunk.valueCount
        rest = chunk.bytes
        do throws(FormatFault) { codec = try ParquetCodec(format: chunk.codec) } catch {
            throw error.error(source.path, place)
        }
        guard chunk.physical == leaf.type.physical else {
            throw fault("values of type \(leaf.type.physical)", "another type")
        }
        guard rest.lowerBound >= 4, rest.upperBound <= end else {
            throw fault("bytes 4 to \(end) of the file", "\(rest)")
        }
    }

    /// Reads the next row into `entries`; there is one, as the row group says.
    mutating func readRow() async throws {
        entries.removeAll(keepingCapacity: true)
        while true {
            if page == nil || page?.left == 0 {
                guard valuesAhead > 0 else {
                    if entries.isEmpty { throw fault("another row", "the end of the column") }
                    return
                }
                try await loadPage()
                continue
            }
            do throws(FormatFault) {
                if try !readEntry() || leaf.repetitionMax == 0 { return }
            } catch {
                throw error.error(source.path, place)
            }
        }
    }

    /// The same from the page at hand, of columns with a value in each row; false: there is none.
    mutating func readRowOfPage() throws(PipelineError) -> Bool {
        guard leaf.repetitionMax == 0, let left = page?.left, left > 0 else { return false }
        entries.removeAll(keepingCapacity: true)
        do throws(FormatFault) { return try readEntry() } catch {
            throw error.error(source.path, place)
        }
    }

    /// Whether all values were read, as they must be after the last row.
    func checkEnd() throws(PipelineError) {
        guard valuesAhead == 0, page?.left ?? 0 == 0 else {
            throw fault("the end of the column", "more values than rows")
        }
    }

    /// The next entry of the page; false: it belongs to the next row.
    private mutating func readEntry() throws(FormatFault) -> Bool {
        guard page != nil else { return false }
        let repetition = try page?.nextRepetition() ?? 0
        if repetition == 0, !entries.isEmpty { return false }
        guard repetition <= leaf.repetitionMax, repetition > 0 || entries.isEmpty,
            repetition == 0 || !entries.isEmpty
        else { throw FormatFault(expected: "the begin of a row", found: "level \(repetition)") }
        let most = leaf.definitionMax
        let definition = try page?.nextDefinition(most) ?? 0
        guard definition <= most else {
            throw FormatFault(expected: "a level of at most \(most)", found: "\(definition)")
        }
        guard entries.count < Self.rowValuesMax else {
            throw FormatFault(
                .unsupported, expected: "rows of at most \(Self.rowValuesMax) values",
                found: "more")
        }
        let value = definition == most ? try page?.values.next() : nil
        entries.append(ParquetEntry(repetition: repetition, definition: definition, value: value))
        page?.left -= 1
        page?.repetition = nil
        return true
    }

    // MARK: Pages

    private mutating func loadPage() async throws {
        pageNumber += 1
        let header = try await readHeader()
        let stored = try await take(header.byteCount)
        if let checksum = header.checksum, ParquetCodec.checksum(stored) != checksum {
            throw fault(
                "a page with the checksum \(checksum)", "\(ParquetCodec.checksum(stored))")
        }
        do throws(FormatFault) {
            switch header.kind {
            case .data(let count, let encoding):
                page = try self.page(
                    try codec.expanded(stored, to: header.expandedByteCount), count, encoding)
                try use(count)
            case .levelled(let count, _, _, _, _):
                page = try self.page(stored, header)
                try use(count)
            case .dictionary(let count):
                guard dictionary == nil, page == nil else {
                    throw FormatFault(expected: "one dictionary, first", found: "another")
                }
                dictionary = try ParquetDictionary(
                    leaf.type, try codec.expanded(stored, to: header.expandedByteCount),
                    count: count)
            case .other: break
            }
        } catch {
            throw error.error(source.path, place)
        }
    }

    private mutating func use(_ count: Int) throws(FormatFault) {
        guard count <= valuesAhead else {
            throw FormatFault(expected: "at most \(valuesAhead) values", found: "\(count)")
        }
        valuesAhead -= count
    }

    /// A page whose levels come after their lengths, compressed with the values.
    private func page(
        _ bytes: [UInt8], _ count: Int, _ encoding: ParquetEncoding
    ) throws(FormatFault) -> Page {
        var position = 0
        func levels(_ most: UInt8) throws(FormatFault) -> ParquetRuns? {
            guard most > 0 else { return nil }
            guard bytes.count - position >= 4 else {
                throw FormatFault(expected: "a length of levels", found: "the end of the page")
            }
            let length = Int(ParquetBits.littleEndian(bytes, at: position, count: 4))
            guard length <= bytes.count - position - 4 else {
                throw FormatFault(
                    expected: "\(length) bytes of levels",
                    found: "\(bytes.count - position - 4) to the end of the page")
            }
            let range = (position + 4)..<(position + 4 + length)
            position = range.upperBound
            return try ParquetRuns(bytes, in: range, width: Self.width(most))
        }
        let repetitions = try levels(leaf.repetitionMax)
        let definitions = try levels(leaf.definitionMax)
        return Page(
            repetitions: repetitions, definitions: definitions,
            values: try leaf.type.decoder(
                encoding, bytes, in: position..<bytes.count, dictionary), left: count)
    }

    /// A page whose levels come first and as they are.
    private func page(
        _ stored: ArraySlice<UInt8>, _ header: ParquetPageHeader
    ) throws(FormatFault) -> Page? {
        guard
            case .levelled(
                let count, let encoding, let definitions, let repetitions, let isCompressed) =
                header.kind
        else { return nil }
        let (levels, isTooLong) = definitions.addingReportingOverflow(repetitions)
        guard !isTooLong, levels <= stored.count, levels <= header.expandedByteCount else {
            throw FormatFault(
                expected: "levels within the page's \(stored.count) bytes",
                found: "\(definitions) and \(repetitions)")
        }
        let bytes = Array(stored.prefix(levels))
        let values = stored.dropFirst(levels)
        let expanded =
            isCompressed
            ? try codec.expanded(values, to: header.expandedByteCount - levels) : Array(values)
        return Page(
            repetitions: leaf.repetitionMax == 0
                ? nil
                : try ParquetRuns(
                    bytes, in: 0..<repetitions, width: Self.width(leaf.repetitionMax)),
            definitions: leaf.definitionMax == 0
                ? nil
                : try ParquetRuns(
                    bytes, in: repetitions..<levels, width: Self.width(leaf.definitionMax)),
            values: try leaf.type.decoder(
                encoding, expanded, in: 0..<expanded.count, dictionary), left: count)
    }

    /// Bits of levels up to `most`.
    private static func width(_ most: UInt8) -> Int { 8 - most.leadingZeroBitCount }

    // MARK: Bytes

    /// A header says nothing of its own length: more is read until it is whole.
    private mutating func readHeader() async throws -> ParquetPageHeader {
        var count = min(256, rest.count)
        while true {
            let bytes = try await look(count)
            var reader = ThriftReader(Array(bytes))
            do throws(FormatFault) {
                let header = try ParquetPageHeader(&reader)
                rest = (rest.lowerBound + reader.position)..<rest.upperBound
                return header
            } catch {
                guard error.kind == .ended, count < rest.count, count < Self.headerBytesMax else {
                    throw error.error(source.path, place)
                }
                count = min(count * 4, rest.count)
            }
        }
    }

    private mutating func take(_ count: Int) async throws -> ArraySlice<UInt8> {
        guard count <= rest.count else {
            throw fault("\(count) bytes", "\(rest.count) to the end of the column")
        }
        let bytes = try await look(count)
        rest = (rest.lowerBound + count)..<rest.upperBound
        return bytes
    }

    /// The next `count` bytes of the column, which has them.
    private mutating func look(_ count: Int) async throws -> ArraySlice<UInt8> {
        let start = rest.lowerBound
        if start < pieceStart || start + count > pieceStart + piece.count {
            piece = try await source.bytes(
                at: start, count: min(rest.count, max(count, source.pieceSize)))
            pieceStart = start
        }
        let first = start - pieceStart
        guard first >= 0, first + count <= piece.count else {
            throw fault("\(count) bytes at byte \(start)", "the end of the file")
        }
        return piece[first..<(first + count)]
    }

    private var place: PipelineError.Place {
        .page(group: group, column: leaf.path, page: max(0, pageNumber))
    }

    private func fault(_ expected: String, _ found: String) -> PipelineError {
        .malformed(file: source.path, place, expected: expected, found: found)
    }
}

extension ParquetColumn.Page {
    fileprivate mutating func nextRepetition() throws(FormatFault) -> UInt8 {
        if let repetition { return repetition }
        let next = UInt8(truncatingIfNeeded: try repetitions?.next() ?? 0)
        repetition = next
        return next
    }

    fileprivate mutating func nextDefinition(_ most: UInt8) throws(FormatFault) -> UInt8 {
        UInt8(truncatingIfNeeded: try definitions?.next() ?? UInt32(most))
    }
}
