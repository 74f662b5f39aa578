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
    private var position: PostgresPosition?
    private var hasToldEnd = false

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
        let (settings, position, keysOnly) = (settings, position, keysOnly)
        let rows = try await thread.run(making: {
            let connection = try PostgresConnection(
                try settings.connection.value(), stage: "source")
            return Session(
                connection: connection,
                table: try PostgresTable(connection, settings, keysOnly: keysOnly))
        }) { session in
            try session.table.page(session.connection, behind: position, limit)
        }
        guard let last = rows.last else { return end() }
        self.position = PostgresPosition(key: last.key, watermark: last.watermark)
        return SourceBatch(
            records: rows.map { settings.record(of: $0, keysOnly: keysOnly) },
            position: self.position.map(\.value) ?? .null)
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
        let place = place(of: row.key)
        let change: SourceRecord.Change
        if keysOnly {
            change = .put(RecordContent(fields: [:]))
        } else if let json = row.json {
            do throws(MalformedJSON) {
                guard case .object(let fields) = try JSONParser.value(in: Array(json.utf8)) else {
                    throw MalformedJSON(offset: 0, expected: "an object", found: "none")
                }
                change = .put(RecordContent(fields: fields))
            } catch {
                change = .malformed(
                    reason: "at byte \(error.offset) of the row as JSON: expected "
                        + "\(error.expected), found \(error.found)", raw: json)
            }
        } else {
            change = .malformed(
                reason: "a row of \(row.byteCount) bytes, of at most \(rowBytesMax)",
                raw: "")
        }
        return SourceRecord(
            key: RecordKey.text(of: row.key), place: place, time: row.time, change: change)
    }
}
