internal import ApusPipeline

/// A place in the write-ahead log of a server: behind a transaction, and so many changes of the table
/// of the next ones.
struct PostgresLogPlace: Hashable, Sendable {
    var lsn: UInt64
    var changes: Int

    init(lsn: UInt64, changes: Int = 0) {
        self.lsn = lsn
        self.changes = changes
    }

    /// `16/B374D848`, as the server writes it.
    static func lsn(_ text: String) -> UInt64? {
        let parts = text.split(separator: "/").map { UInt64($0, radix: 16) }
        guard parts.count == 2, let high = parts[0], let low = parts[1], high <= .max >> 32,
            low <= .max >> 32
        else { return nil }
        return high << 32 | low
    }

    static func text(_ lsn: UInt64) -> String {
        String(lsn >> 32, radix: 16, uppercase: true) + "/"
            + String(lsn & 0xffff_ffff, radix: 16, uppercase: true)
    }
}

/// A replication slot that says what changes in a table. For one thread.
///
/// It is peeked at, from where it was confirmed on; it moves only when it is told to, and then keeps no
/// log before that place.
struct PostgresSlot {
    /// A change of a row, or of all.
    enum Change {
        /// The row with that key is there, or was.
        case row(key: [String])
        case truncate
    }

    let name: String
    private let publication: String
    private let table: String
    private let key: [String]
    private let tableID: UInt32
    /// Behind what was handed out.
    private(set) var place: PostgresLogPlace
    /// The slot keeps nothing before that.
    private var confirmed: UInt64
    /// Messages are being fetched.
    private(set) var isOpen = false
    /// How many were, and whether there was a change among them that had not been handed out.
    private var messages = 0
    private var hasRead = false
    /// Where the key's columns stand in the rows of the messages.
    private var keyColumns: [Int]?
    /// Where the transaction was committed whose changes come, and how many came.
    private var commit: UInt64 = 0
    private var changesOfCommit = 0
    /// Messages that are asked for at a time; transactions are not cut by the server.
    private var messagesMax = firstMessagesMax

    private static let firstMessagesMax = 20_000
    private static let fetched = 1_000

    /// Makes what is missing: the publication, and at the beginning (without a place) the slot.
    init(
        _ connection: PostgresConnection, _ settings: PostgresOrigin.Settings, slot: String,
        at start: PostgresLogPlace?
    ) throws(StageError) {
        name = slot
        publication = settings.publication ?? slot
        (table, key) = (settings.table, settings.key)
        let found = try connection.rows("SELECT $1::regclass::oid", [settings.table])
        tableID = found.first?.first?.flatMap { UInt32($0) } ?? 0
        try Self.publish(connection, publication, settings)
        let slots = try connection.rows(
            "SELECT confirmed_flush_lsn, plugin FROM pg_replication_slots WHERE slot_name = $1",
            [slot])
        if let row = slots.first {
            guard row[1] == "pgoutput" else {
                throw StageError(
                    .fatal, stage: "source", "slot \(slot) is of the plugin \(row[1] ?? "none")")
            }
            confirmed = row[0].flatMap { PostgresLogPlace.lsn($0) } ?? 0
        } else {
            guard start == nil else {
                throw StageError(
                    .fatal, stage: "source",
                    "there is no slot \(slot) any more, so changes are lost; --start-over copies "
                        + "the table again")
            }
            let made = try connection.rows(
                "SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')", [slot])
            confirmed = made.first?.first?.flatMap { PostgresLogPlace.lsn($0) } ?? 0
        }
        if let start, confirmed > start.lsn {
            throw StageError(
                .fatal, stage: "source",
                "slot \(slot) is at \(PostgresLogPlace.text(confirmed)), behind "
                    + "\(PostgresLogPlace.text(start.lsn)): somebody else has read from it; "
                    + "--start-over copies the table again")
        }
        place = start ?? PostgresLogPlace(lsn: confirmed)
    }

    /// A publication of the columns that name rows, where nobody made one.
    private static func publish(
        _ connection: PostgresConnection, _ name: String, _ settings: PostgresOrigin.Settings
    ) throws(StageError) {
        let identity =
            try connection.rows(
                """
                SELECT c.relreplident, (
                  SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_index i
                  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
                  WHERE i.indrelid = c.oid
                    AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident
                      ELSE false END), (
                  SELECT count(*) = cardinality($2::text[]) FROM pg_index i
                  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
                  WHERE i.indrelid = c.oid AND a.attname = ANY($2)
                    AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident
                      ELSE false END),
                  current_setting('server_version_num')::int >= 150000
                FROM pg_class c WHERE c.oid = $1::regclass
                """, [settings.table, PostgresTable.array(settings.key)]
            ).first ?? []
        guard identity.count == 4, identity[0] == "f" || identity[2] == "t" else {
            throw StageError(
                .fatal, stage: "source",
                "the replica identity of \(settings.table) does not have "
                    + "'\(settings.keyNames)', so the "
                    + "log does not say which rows are deleted: ALTER TABLE \(settings.table) "
                    + "REPLICA IDENTITY")
        }
        let there = try connection.rows(
            "SELECT FROM pg_publication WHERE pubname = $1", [name])
        guard there.isEmpty else { return }
        var columns = ""
        if identity[0] != "f", identity[3] == "t", let names = identity[1] {
            columns = " (\(names))"
        }
        _ = try connection.rows(
            "CREATE PUBLICATION \(PostgresTable.quoted(name)) FOR TABLE \(settings.table)\(columns)"
                + " WITH (publish_via_partition_root = true)")
    }

    /// How much of the log lies behind the place, in bytes, as far as it is written now.
    func lag(_ connection: PostgresConnection) throws(StageError) -> (now: UInt64, bytes: UInt64) {
        let found = try connection.rows("SELECT pg_current_wal_flush_lsn()")
        let now = found.first?.first?.flatMap { PostgresLogPlace.lsn($0) } ?? 0
        return (now, now > place.lsn ? now - place.lsn : 0)
    }

    /// There were no changes up to there.
    mutating func pass(to lsn: UInt64) { place = PostgresLogPlace(lsn: max(lsn, place.lsn)) }

    /// Everything before a place is done with for good.
    mutating func confirm(
        _ connection: PostgresConnection, _ place: PostgresLogPlace
    ) throws(StageError) {
        guard place.lsn > confirmed else { return }
        try close(connection)
        _ = try connection.rows(
            "SELECT pg_replication_slot_advance($1, $2::pg_lsn)",
            [name, PostgresLogPlace.text(place.lsn)])
        confirmed = place.lsn
    }

    // MARK: Changes

    /// The next changes, each with the place behind it; none: there are no more for now.
    mutating func next(
        _ connection: PostgresConnection, most: Int
    ) throws(StageError) -> [(change: Change, place: PostgresLogPlace)] {
        var changes: [(change: Change, place: PostgresLogPlace)] = []
        while changes.isEmpty {
            if !isOpen { try open(connection) }
            let rows = try connection.rows(
                "FETCH \(min(Self.fetched, max(1, most))) FROM apus_changes")
            for row in rows { try take(row[0] ?? "", &changes) }
            guard rows.isEmpty else { continue }
            let (wasAll, sawNew) = (messages < messagesMax, hasRead)
            try close(connection)
            if wasAll { return changes }
            // What is not confirmed yet is read again and passed over: there must be room behind it.
            if !sawNew { messagesMax *= 2 }
        }
        return changes
    }

    private mutating func open(_ connection: PostgresConnection) throws(StageError) {
        _ = try connection.rows("BEGIN")
        _ = try connection.rows(
            """
            DECLARE apus_changes NO SCROLL CURSOR FOR
            SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes(
              '\(Self.literal(name))', NULL, \(messagesMax), 'proto_version', '1',
              'publication_names', '\(Self.literal(PostgresTable.quoted(publication)))')
            """)
        isOpen = true
        (messages, hasRead, keyColumns) = (0, false, nil)
    }

    mutating func close(_ connection: PostgresConnection) throws(StageError) {
        guard isOpen else { return }
        isOpen = false
        _ = try connection.rows("COMMIT")
    }

    private static func literal(_ text: String) -> String {
        text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
    }

    private mutating func take(
        _ hex: String, _ changes: inout [(change: Change, place: PostgresLogPlace)]
    ) throws(StageError) {
        messages += 1
        switch try PostgresOutput(Self.bytes(hex)) {
        case .begin(let commit): (self.commit, changesOfCommit) = (commit, 0)
        case .commit(let end):
            if commit >= place.lsn { place = PostgresLogPlace(lsn: end) }
        case .relation(let relation):
            guard relation.id == tableID else { return }
            keyColumns = try key.map { name throws(StageError) in
                guard let index = relation.columns.firstIndex(of: name) else {
                    throw StageError(
                        .fatal, stage: "source",
                        "publication \(publication) does not have column '\(name)' of \(table)")
                }
                return index
            }
        case .insert(let relation, let row):
            try take(relation, [row], &changes)
        case .update(let relation, let old, let row):
            try take(relation, [old, row].compactMap(\.self), &changes)
        case .delete(let relation, let row): try take(relation, [row], &changes)
        case .truncate(let relations):
            if relations.contains(tableID), isNew() { changes.append((.truncate, place)) }
        case .other: break
        }
    }

    private mutating func take(
        _ relation: UInt32, _ rows: [PostgresOutput.Row],
        _ changes: inout [(change: Change, place: PostgresLogPlace)]
    ) throws(StageError) {
        guard relation == tableID, let keyColumns, isNew() else { return }
        for row in rows {
            let key = keyColumns.compactMap { row.indices.contains($0) ? row[$0] : nil }
            guard key.count == keyColumns.count else {
                throw StageError(
                    .fatal, stage: "source",
                    "a change of \(table) does not say its '\(self.key.joined(separator: ", "))': "
                        + "the table's replica identity does not have it")
            }
            changes.append((.row(key: key), place))
        }
    }

    /// Counts a change of the table. Whether it is behind what was handed out; then that moves on.
    private mutating func isNew() -> Bool {
        guard commit >= place.lsn else { return false }
        changesOfCommit += 1
        guard changesOfCommit > place.changes else { return false }
        place.changes = changesOfCommit
        hasRead = true
        return true
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(hex.utf8.count / 2)
        var high: UInt8?
        for digit in hex.utf8 {
            let value = digit >= UInt8(ascii: "a") ? digit &- 87 : digit &- UInt8(ascii: "0")
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }
}
