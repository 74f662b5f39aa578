package import ApusCore
package import ApusPipeline

/// The rows of a table or view of a PostgreSQL server.
///
/// Without a watermark every run reads all rows in the order of the key. With one (a column that
/// grows with every change of a row, usually `updated_at`) a run reads rows in its order from where
/// the last one ended: only what changed since. A transaction that is under way may still commit rows
/// with earlier watermarks, so nothing at or after the start of the oldest one is read yet, nor
/// anything younger than `settle`. With a replication slot the table is copied once, and then the
/// server's log says what changes (`PostgresChanges`).
package struct PostgresOrigin: RecordOrigin {
    package struct Settings: Sendable {
        /// As libpq takes it.
        package var connection: Reference
        /// With its schema where it is not on the search path; as SQL writes it.
        package var table: String
        /// The columns that name a row together.
        package var key: [String]
        /// nil: all.
        package var columns: [String]?
        package var watermark: String?
        package var settle: Duration
        /// The replication slot that says what changes; nil: the table is read.
        package var slot: String?
        /// The publication that it follows; nil: that of the slot's name. Made if it is missing.
        package var publication: String?
        /// A row that takes more as JSON is a malformed record.
        package var rowBytesMax = 32 << 20

        package init(connection: Reference, table: String, key: String) {
            self.connection = connection
            self.table = table
            self.key = [key]
            settle = .zero
        }

        init(_ declaration: Declaration) throws(DeclarationProblem) {
            let values = try declaration.members([
                "connection", "table", "key", "columns", "watermark", "settle", "rowSize", "slot",
                "publication",
            ])
            connection = try Reference(try values.required("connection", of: declaration))
            table = try values.required("table", of: declaration).text()
            key = try values.required("key", of: declaration).keyColumns()
            if let list = values["columns"] {
                var columns: [String] = []
                for column in try list.list() { columns.append(try column.text()) }
                self.columns = columns
            }
            watermark = try values["watermark"]?.text()
            settle = try values["settle"]?.duration() ?? .zero
            if let declared = values["slot"] {
                let slot = try declared.text()
                guard slot.wholeMatch(of: /[a-z0-9_]{1,63}/) != nil else {
                    throw declared.problem(
                        "a slot's name has lower-case letters, digits and _, 63 at most")
                }
                guard watermark == nil else {
                    throw declared.problem("a table is followed by a slot or by a watermark")
                }
                self.slot = slot
            }
            publication = try values["publication"]?.text()
            if let declared = values["publication"], slot == nil {
                throw declared.problem("a publication needs a slot")
            }
            if let size = values["rowSize"] { rowBytesMax = try size.byteCount() }
        }
    }

    package let settings: Settings

    package init(_ settings: Settings) { self.settings = settings }

    package var identity: String {
        "postgres \(settings.connection) \(settings.table) key=\(RecordKey.text(of: settings.key)) "
            + "watermark=\(settings.watermark ?? "")"
            + (settings.slot.map { " slot=\($0)" } ?? "")
    }

    package var showsAll: Bool { true }

    package func open(at position: JSONValue?) async throws -> any RecordSource {
        if let slot = settings.slot {
            return PostgresChanges(settings, slot: slot, at: position)
        }
        return PostgresRows(
            settings, at: PostgresPosition(position, columns: settings.key.count), keysOnly: false)
    }

    package func openKeys() async throws -> any RecordSource {
        PostgresRows(settings, at: nil, keysOnly: true)
    }

    package var explanation: String {
        if let slot = settings.slot {
            return
                "\(settings.table) of the PostgreSQL server at \(settings.connection), copied once "
                + "and then followed by the replication slot \(slot), named by \(settings.keyNames)"
        }
        let order = settings.watermark.map { "changed rows by \($0)" } ?? "all rows at every run"
        return "\(settings.table) of the PostgreSQL server at \(settings.connection), \(order), "
            + "named by \(settings.keyNames); rows that are gone are deleted"
    }
}

extension PostgresOrigin.Settings {
    var keyNames: String { key.joined(separator: ", ") }

    /// Where a row stands, for people.
    func place(of key: [String]) -> String { Self.place(table, self.key, key) }

    static func place(_ table: String, _ names: [String], _ key: [String]) -> String {
        "\(table), " + zip(names, key).map { "\($0) = \($1)" }.joined(separator: ", ")
    }
}

/// The last row that was read: its key, and its watermark where there is one. As texts.
struct PostgresPosition: Hashable, Sendable {
    /// Of each of the key's columns.
    var key: [String]
    var watermark: String?

    init(key: [String], watermark: String?) {
        self.key = key
        self.watermark = watermark
    }

    /// Of a key with so many columns.
    init?(_ value: JSONValue?, columns: Int) {
        guard case .object(let members)? = value, case .string(let text)? = members["key"],
            let key = RecordKey.parts(of: text, count: columns)
        else { return nil }
        self.key = key
        if case .string(let watermark)? = members["watermark"] { self.watermark = watermark }
    }

    var value: JSONValue {
        var members: [String: JSONValue] = ["key": .string(RecordKey.text(of: key))]
        if let watermark { members["watermark"] = .string(watermark) }
        return .object(members)
    }
}
