internal import ApusCore

/// The rows of an Arrow file or stream, as pyarrow, Polars, DuckDB and others write them.
///
/// A reader of Arrow's IPC format in bounded memory: of each column that is wanted some rows at a time
/// where it is not compressed, else a buffer of a record batch. It knows both forms, bodies compressed
/// with LZ4 or Zstandard, dictionaries with deltas and replacements, and every type but unions and
/// run-end encoding, which are refused by name; so are numbers in big-endian order.
package struct ArrowRows: ColumnRows {
    private var stream: ArrowStream
    private let wanted: Set<String>?
    /// The fields of dictionaries that somebody wants.
    private let dictionaryFields: [Int: ArrowField]
    private var dictionaries: [Int: ArrowDictionary] = [:]
    private var columns: [ArrowColumn] = []
    /// Rows of the batch that is open, and those of them that are done with and in memory.
    private var batchRows = 0
    private var batchRow = 0
    private var loaded = 0..<0
    package private(set) var row = 0

    private static let loadedRowsMax = 4_096
    private static let loadedBytesMax = 1 << 20

    /// Rows of the columns on top that are in `wanted`, or of all where it is nil.
    package init(_ source: any RangedBytes, wanted: Set<String>? = nil) async throws {
        stream = try await ArrowStream(source)
        self.wanted = wanted
        let fields = stream.schema.fields.filter { wanted?.contains($0.name) ?? true }
        dictionaryFields = Dictionary(fields.flatMap(\.dictionaries)) { first, _ in first }
    }

    package var path: String { stream.source.path }
    package var names: [String] { stream.schema.fields.map(\.name) }
    package var rowCount: Int? { nil }

    package mutating func next() async throws -> ColumnRow? {
        guard try await findRow() else { return nil }
        if !loaded.contains(batchRow) {
            do { try await load() } catch let fault as FormatFault { throw stream.error(fault) }
        }
        defer {
            batchRow += 1
            row += 1
        }
        do throws(FormatFault) {
            var payload: Payload = [:]
            payload.reserveCapacity(columns.count)
            for column in columns { payload[column.field.name] = try column.json(batchRow) }
            return .fields(payload)
        } catch {
            return .malformed(reason: "expected \(error.expected), found \(error.found)")
        }
    }

    package mutating func skip(_ count: Int) async throws {
        var left = max(0, count)
        while left > 0, try await findRow() {
            let rows = min(left, batchRows - batchRow)
            batchRow += rows
            row += rows
            left -= rows
        }
    }

    /// Opens batches until there is a row; false at the end.
    private mutating func findRow() async throws -> Bool {
        while batchRow == batchRows {
            columns = []
            guard let (message, body) = try await stream.next() else { return false }
            do { try await take(message, body) } catch let fault as FormatFault {
                throw stream.error(fault)
            }
        }
        return true
    }

    private mutating func take(_ message: ArrowMessage, _ body: Range<Int>) async throws {
        switch message {
        case .schema:
            throw FormatFault(expected: "a record batch", found: "a second schema")
        case .dictionary(let id, let isDelta, let batch):
            guard let field = dictionaryFields[id] else { return }
            try await takeDictionary(id, field, isDelta: isDelta, batch, body)
        case .records(let batch):
            columns = try batch.columns(
                stream.schema.fields, wanted: wanted, dictionaries: dictionaries, stream.source,
                body: body)
            (batchRows, batchRow, loaded) = (batch.rowCount, 0, 0..<0)
        }
    }

    private mutating func takeDictionary(
        _ id: Int, _ field: ArrowField, isDelta: Bool, _ batch: ArrowRecordBatch,
        _ body: Range<Int>
    ) async throws {
        var dictionary = isDelta ? dictionaries[id] ?? ArrowDictionary() : ArrowDictionary()
        // One owner, so that a delta does not copy what is there.
        dictionaries[id] = nil
        guard batch.rowCount <= ArrowDictionary.valuesMax - dictionary.values.count,
            body.count <= ArrowDictionary.bytesMax
        else {
            throw FormatFault(
                .unsupported,
                expected: "a dictionary of at most \(ArrowDictionary.valuesMax) values and "
                    + "\(ArrowDictionary.bytesMax) bytes",
                found: "more for column \(field.path)")
        }
        let columns = try batch.columns(
            [field], wanted: nil, dictionaries: dictionaries, stream.source, body: body)
        guard var column = columns.first else { return }
        try await column.load(0..<batch.rowCount)
        for index in 0..<batch.rowCount { dictionary.values.append(try column.json(index)) }
        dictionaries[id] = dictionary
    }

    /// Has some rows from the next one on in memory.
    private mutating func load() async throws {
        let bytes = columns.reduce(1) { $0 + min($1.byteCount, .max >> 16) }
        let average = max(1, bytes / max(1, batchRows))
        var count = min(max(1, Self.loadedBytesMax / average), Self.loadedRowsMax)
        while true {
            let rows = batchRow..<(batchRow + min(count, batchRows - batchRow))
            do {
                for index in columns.indices {
                    var column = columns[index]
                    try await column.load(rows)
                    columns[index] = column
                }
                loaded = rows
                return
            } catch let fault as FormatFault where fault.kind == .tooLarge && count > 1 {
                count /= 2
            }
        }
    }
}
