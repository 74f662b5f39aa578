internal import ApusCore
internal import ApusPipeline

/// Copies a table, and then follows what a replication slot says of it.
///
/// The slot says which rows change; what they are is read from the table, as the copy reads it. So a row
/// may be newer than its change, and is read again at the one that made it so: in the end the collection
/// has what the table has. The slot is there before the copy begins, so that nothing is between the two.
actor PostgresChanges: RecordSource {
    private struct Session {
        let connection: PostgresConnection
        let table: PostgresTable
        var slot: PostgresSlot
        /// Changes that were taken from the slot, and not handed out.
        var waiting: [(change: PostgresSlot.Change, place: PostgresLogPlace)] = []
    }

    /// How far it is.
    private enum Position {
        /// The table is copied behind a key (nil: from its first row on); changes go on at a place.
        case copy(key: [String]?, PostgresLogPlace)
        case changes(PostgresLogPlace)
    }

    private let settings: PostgresOrigin.Settings
    private let slot: String
    private let thread = BlockingThread<Session>(name: "postgres")
    private var position: Position?
    /// What is durable, and was not told to the server.
    private var confirmed: PostgresLogPlace?

    /// Log that the server may keep although nothing in it concerns the table, in bytes.
    private static let idleLogBytesMax: UInt64 = 16 << 20

    init(_ settings: PostgresOrigin.Settings, slot: String, at value: JSONValue?) {
        self.settings = settings
        self.slot = slot
        position = Self.position(value, columns: settings.key.count)
    }

    /// Tells the server what is durable by now, if it can.
    func close() async {
        if let confirmed {
            try? await run { session in
                try session.slot.close(session.connection)
                try session.slot.confirm(session.connection, confirmed)
            }
        }
        await thread.close()
    }

    func confirm(_ position: JSONValue) {
        guard case .changes(let place)? = Self.position(position, columns: settings.key.count)
        else { return }
        confirmed = place
    }

    func next(_ limit: ReadLimit) async throws -> SourceBatch? {
        switch position {
        case nil:
            let place = try await run { $0.slot.place }
            position = .copy(key: nil, place)
            return try await copy(behind: nil, place, limit)
        case .copy(let key, let place)?: return try await copy(behind: key, place, limit)
        case .changes?: return try await changes(limit)
        }
    }

    private func run<Value: Sendable>(
        _ body: @escaping @Sendable (inout Session) throws -> Value
    ) async throws -> Value {
        let (settings, slot) = (settings, slot)
        let place: PostgresLogPlace? =
            switch position {
            case .copy(_, let place)?, .changes(let place)?: place
            case nil: nil
            }
        return try await thread.run(
            making: {
                let connection = try PostgresConnection(
                    try settings.connection.value(), stage: "source")
                let table = try PostgresTable(connection, settings, keysOnly: false)
                return Session(
                    connection: connection, table: table,
                    slot: try PostgresSlot(connection, settings, slot: slot, at: place))
            }, body)
    }

    // MARK: The copy

    private func copy(
        behind key: [String]?, _ place: PostgresLogPlace, _ limit: ReadLimit
    ) async throws -> SourceBatch? {
        let rows = try await run { session in
            try session.table.page(
                session.connection,
                behind: key.map { PostgresPosition(key: $0, watermark: nil) }, limit)
        }
        let next = rows.last.map { Position.copy(key: $0.key, place) } ?? .changes(place)
        position = next
        return SourceBatch(
            records: rows.map { settings.record(of: $0) }, position: Self.value(next))
    }

    // MARK: Changes

    private struct Found: Sendable {
        var records: [SourceRecord] = []
        var place: PostgresLogPlace
        var isTruncated = false
    }

    private func changes(_ limit: ReadLimit) async throws -> SourceBatch? {
        let (settings, confirmed) = (settings, confirmed)
        let found = try await run { session -> Found? in
            if session.waiting.isEmpty {
                if let confirmed, !session.slot.isOpen {
                    try session.slot.confirm(session.connection, confirmed)
                }
                let lag = try session.slot.lag(session.connection)
                session.waiting = try session.slot.next(session.connection, most: limit.records)
                guard !session.waiting.isEmpty else {
                    guard lag.bytes > Self.idleLogBytesMax else { return nil }
                    session.slot.pass(to: lag.now)
                    return Found(place: session.slot.place)
                }
            }
            return try Self.take(&session, settings, limit)
        }
        guard let found else { return nil }
        let position = Position.changes(found.place)
        self.position = position
        return SourceBatch(
            records: found.records, position: Self.value(position),
            needsSweep: found.isTruncated)
    }

    /// What the first of the waiting changes made of their rows.
    private static func take(
        _ session: inout Session, _ settings: PostgresOrigin.Settings, _ limit: ReadLimit
    ) throws -> Found? {
        var keys: [[String]] = []
        var numbers: [[String]: Int] = [:]
        var changes: [(number: Int, place: PostgresLogPlace)] = []
        for (change, place) in session.waiting {
            guard case .row(let key) = change else {
                guard changes.isEmpty else { break }
                session.waiting.removeFirst()
                return Found(place: place, isTruncated: true)
            }
            if numbers[key] == nil {
                numbers[key] = keys.count
                keys.append(key)
            }
            changes.append((numbers[key] ?? 0, place))
        }
        let (rows, count) = try session.table.rows(session.connection, of: keys, limit)
        // Not more than the rows that there was room for; a change of two keys is not cut.
        var taken = changes.prefix { $0.number < count }
        if taken.endIndex < changes.endIndex {
            let next = changes[taken.endIndex].place
            while taken.last?.place == next { taken.removeLast() }
        }
        guard let last = taken.last else { return nil }
        session.waiting.removeFirst(taken.count)
        let records = keys.prefix(count).enumerated().map { number, key in
            rows[number].map { settings.record(of: $0) }
                ?? SourceRecord(
                    key: RecordKey.text(of: key), place: settings.place(of: key), change: .delete)
        }
        return Found(records: records, place: last.place)
    }

    // MARK: Positions

    private static func position(_ value: JSONValue?, columns: Int) -> Position? {
        guard case .object(let members)? = value, case .string(let text)? = members["lsn"],
            let lsn = PostgresLogPlace.lsn(text), case .integer(let changes)? = members["changes"]
        else { return nil }
        let place = PostgresLogPlace(lsn: lsn, changes: Int(changes))
        switch members["copied"] {
        case .string(let key)?:
            return .copy(key: RecordKey.parts(of: key, count: columns), place)
        default: return .changes(place)
        }
    }

    private static func value(_ position: Position) -> JSONValue {
        switch position {
        case .copy(let key, let place):
            .object(
                members(place).merging(["copied": .string(key.map(RecordKey.text) ?? "")]) { $1 })
        case .changes(let place): .object(members(place))
        }
    }

    private static func members(_ place: PostgresLogPlace) -> [String: JSONValue] {
        [
            "lsn": .string(PostgresLogPlace.text(place.lsn)),
            "changes": .integer(Int64(place.changes)),
        ]
    }
}
