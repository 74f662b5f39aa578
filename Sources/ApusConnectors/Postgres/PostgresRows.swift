internal import ApusCore
internal import ApusPipeline

/// Reads the rows of a table in pages, each behind the last row of the one before.
actor PostgresRows: RecordSource {
    /// A connection, and what the statements need to know of the table.
    private struct Session {
        let connection: PostgresConnection
        let table: PostgresTable
    }

    private let settings: PostgresOrigin.Settings
    private let keysOnly: Bool
    private let thread = BlockingThread<Session>(name: "postgres")
    /// Of the last row that was handed out.
    private var position: PostgresPosition?
    /// Rows behind it that were read with it: a statement costs the server as much as many rows do.
    private var waiting: ArraySlice<PostgresTable.Row> = []
    private var hasRead = false
    private var hasToldEnd = false

    /// How many times as many rows are read as are asked for, once somebody has asked twice. They have
    /// no more bytes than may be asked for at a time.
    private static let batchesAhead = 8

    init(_ settings: PostgresOrigin.Settings, at position: PostgresPosition?, keysOnly: Bool) {
        self.settings = settings
        self.position = position
        self.keysOnly = keysOnly
    }

    func close() async { await thread.close() }

    func next(_ limit: ReadLimit) async throws -> SourceBatch? {
        if hasToldEnd {
            hasToldEnd = false
            return nil
        }
        if waiting.isEmpty { waiting = try await page(limit)[...] }
        let rows = waiting.prefix(limit.records)
        guard let last = rows.last else { return end() }
        waiting = waiting.dropFirst(rows.count)
        position = PostgresPosition(key: last.key, watermark: last.watermark)
        return SourceBatch(
            records: rows.map { settings.record(of: $0, keysOnly: keysOnly) },
            position: position.map(\.value) ?? .null)
    }

    private func page(_ limit: ReadLimit) async throws -> [PostgresTable.Row] {
        var limit = limit
        if hasRead { limit.records *= Self.batchesAhead }
        hasRead = true
        let (settings, position, keysOnly, page) = (settings, position, keysOnly, limit)
        return try await thread.run(making: {
            let connection = try PostgresConnection(
                try settings.connection.value(), stage: "source")
            return Session(
                connection: connection,
                table: try PostgresTable(connection, settings, keysOnly: keysOnly))
        }) { session in
            try session.table.page(session.connection, behind: position, page)
        }
    }

    /// Without a watermark the next pass starts from the first row, which is told once.
    private func end() -> SourceBatch? {
        guard settings.watermark == nil, !keysOnly else { return nil }
        position = nil
        hasToldEnd = true
        return SourceBatch(records: [], position: .null)
    }
}

extension PostgresOrigin.Settings {
    /// A row of the table; of one that was read for its key there is nothing else.
    func record(of row: PostgresTable.Row, keysOnly: Bool = false) -> SourceRecord {
        let (table, names, values) = (table, key, row.key)
        let change: SourceRecord.Change
        if keysOnly {
            change = .put(RecordContent(fields: [:]))
        } else if let json = row.json {
            do throws(MalformedJSON) {
                guard case .object(let fields) = try JSONParser.value(in: json) else {
                    throw MalformedJSON(offset: 0, expected: "an object", found: "none")
                }
                change = .put(RecordContent(fields: fields))
            } catch {
                change = .malformed(
                    reason: "at byte \(error.offset) of the row as JSON: expected "
                        + "\(error.expected), found \(error.found)",
                    raw: String(decoding: json, as: UTF8.self))
            }
        } else {
            change = .malformed(
                reason: "a row of \(row.byteCount) bytes, of at most \(rowBytesMax)",
                raw: "")
        }
        return SourceRecord(
            key: RecordKey.text(of: values), place: Self.place(table, names, values),
            time: row.time, change: change)
    }
}
