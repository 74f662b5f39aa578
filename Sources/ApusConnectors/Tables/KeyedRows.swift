internal import ApusCore
internal import ApusPipeline

/// A table that answers statements of SQL, read in the order of a key, and how its SQL writes things.
protocol KeyedTable: Sendable {
    /// As SQL and people write it.
    var table: String { get }
    /// The columns that name a row together.
    var key: [String] { get }
    /// Columns to read beside the key; nil: all.
    var columns: [String]? { get }
    /// What stands behind FROM.
    var source: String { get }
    /// A condition that holds of all rows that have a key.
    var hasKey: String { get }

    /// All rows of a statement, by the names of its columns.
    func rows(_ statement: String) async throws -> [Payload]
    /// The types of the key's columns, as CAST takes them.
    func typesOfKey() async throws -> [String]
    func name(_ name: String) -> String
    func quoted(_ text: String) -> String
    /// An expression as text.
    func text(of expression: String) -> String
}

extension KeyedTable {
    func failure(_ what: String) -> StageError { StageError(.fatal, stage: "source", what) }

    /// That a row's key stands before or behind another one in the order of the key, or there. Compares
    /// column by column, since not every server knows how rows are compared.
    func key(_ comparison: String, _ parts: [String], of types: [String], orThere: Bool) -> String {
        var condition = ""
        for (column, (part, type)) in zip(key, zip(parts, types)).reversed() {
            let (column, value) = (name(column), "CAST(\(quoted(part)) AS \(type))")
            condition =
                condition.isEmpty
                ? "\(column) \(comparison)\(orThere ? "=" : "") \(value)"
                // The first part alone is what an index of the key's first column can use.
                : "\(column) \(comparison)= \(value) AND "
                    + "(\(column) \(comparison) \(value) OR \(condition))"
        }
        return condition
    }
}

/// Reads the rows of a table in pages, each of all rows with a key behind the last one.
actor KeyedRows: RecordSource {
    private let table: any KeyedTable
    private let keysOnly: Bool
    private var last: [String]?
    private var keyTypes: [String]?
    private var hasToldEnd = false

    /// With `keysOnly` for one pass, which reads nothing else.
    init(_ table: any KeyedTable, at position: JSONValue?, keysOnly: Bool = false) {
        self.table = table
        self.keysOnly = keysOnly
        if case .string(let last)? = position {
            self.last = RecordKey.parts(of: last, count: table.key.count)
        }
    }

    func close() {}

    func next(_ limit: ReadLimit) async throws -> SourceBatch? {
        if hasToldEnd {
            hasToldEnd = false
            return nil
        }
        let types = try await typesOfKey()
        let names = table.key.map(table.name)
        let behind =
            last.map { "\(table.hasKey) AND \(table.key(">", $0, of: types, orThere: false))" }
            ?? table.hasKey
        // Where the page ends: the key of its last row, whose other rows go with it.
        let numbers = names.indices
        let bound = try await table.rows(
            "SELECT "
                + numbers.map { "\(table.text(of: "apus_k\($0)")) AS apus_key\($0)" }.listed
                + " FROM (SELECT " + zip(names, numbers).map { "\($0) AS apus_k\($1)" }.listed
                + " FROM \(table.source) WHERE \(behind) ORDER BY \(names.listed) "
                + "LIMIT \(limit.records)) AS page ORDER BY "
                + numbers.map { "apus_k\($0) DESC" }.listed + " LIMIT 1"
        ).first
        guard let bound else { return over() }
        guard let end = parts(of: bound) else {
            throw table.failure("the last row of a page of \(table.table) has no key")
        }
        let wanted = table.columns?.map(table.name).listed ?? "*"
        let rows = try await table.rows(
            "SELECT " + zip(names, numbers).map { "\(table.text(of: $0)) AS apus_key\($1)" }.listed
                + (keysOnly ? "" : ", " + wanted)
                + " FROM \(table.source) WHERE \(behind) AND "
                + "\(table.key("<", end, of: types, orThere: true)) ORDER BY \(names.listed)")
        last = end
        return SourceBatch(
            records: rows.map { record(of: $0) }, position: .string(RecordKey.text(of: end)))
    }

    private func typesOfKey() async throws -> [String] {
        if let keyTypes { return keyTypes }
        let types = try await table.typesOfKey()
        keyTypes = types
        return types
    }

    private func over() -> SourceBatch? {
        guard !keysOnly else { return nil }
        last = nil
        hasToldEnd = true
        return SourceBatch(records: [], position: .null)
    }

    /// The key that a statement gave; nil: it is not all there.
    private func parts(of row: Payload) -> [String]? {
        var parts: [String] = []
        for number in table.key.indices {
            guard case .string(let part)? = row["apus_key\(number)"],
                table.key.count > 1 || !part.isEmpty
            else { return nil }
            parts.append(part)
        }
        return parts
    }

    private func record(of row: Payload) -> SourceRecord {
        let (name, key) = (table.table, table.key)
        guard let parts = parts(of: row) else {
            return SourceRecord(
                key: "", place: name,
                change: .malformed(
                    reason: "a row without its key", raw: JSONValue.object(row).jsonText))
        }
        var fields = row
        for number in key.indices { fields["apus_key\(number)"] = nil }
        return SourceRecord(
            key: RecordKey.text(of: parts),
            place: "\(name), " + zip(key, parts).map { "\($0) = \($1)" }.listed,
            change: .put(RecordContent(fields: fields)))
    }
}

extension [String] {
    fileprivate var listed: String { joined(separator: ", ") }
}
