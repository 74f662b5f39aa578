internal import ApusCore
internal import ApusPipeline

/// A table that answers statements of SQL, read in the order of a key, and how its SQL writes things.
protocol KeyedTable: Sendable {
    /// As SQL and people write it.
    var table: String { get }
    var key: String { get }
    /// Columns to read beside the key; nil: all.
    var columns: [String]? { get }
    /// What stands behind FROM.
    var source: String { get }
    /// A condition that holds of all rows that have a key.
    var hasKey: String { get }

    /// All rows of a statement, by the names of its columns.
    func rows(_ statement: String) async throws -> [Payload]
    /// The key's type, as CAST takes it.
    func typeOfKey() async throws -> String
    func name(_ name: String) -> String
    func quoted(_ text: String) -> String
    /// An expression as text.
    func text(of expression: String) -> String
}

extension KeyedTable {
    func failure(_ what: String) -> StageError { StageError(.fatal, stage: "source", what) }
}

/// Reads the rows of a table in pages, each of all rows with a key behind the last one.
actor KeyedRows: RecordSource {
    private let table: any KeyedTable
    private let keysOnly: Bool
    private var last: String?
    private var keyType: String?
    private var hasToldEnd = false

    /// With `keysOnly` for one pass, which reads nothing else.
    init(_ table: any KeyedTable, at position: JSONValue?, keysOnly: Bool = false) {
        self.table = table
        self.keysOnly = keysOnly
        if case .string(let last)? = position { self.last = last }
    }

    func close() {}

    func next(_ limit: ReadLimit) async throws -> SourceBatch? {
        if hasToldEnd {
            hasToldEnd = false
            return nil
        }
        let type = try await typeOfKey()
        let key = table.name(table.key)
        let behind =
            last.map { "\(key) > CAST(\(table.quoted($0)) AS \(type))" } ?? table.hasKey
        // Where the page ends: the key of its last row, whose other rows go with it.
        let bound = try await table.rows(
            "SELECT \(table.text(of: "max(k)")) AS apus_end, count(*) AS apus_count FROM (SELECT "
                + "\(key) AS k FROM \(table.source) WHERE \(behind) ORDER BY k "
                + "LIMIT \(limit.records)) AS page"
        ).first
        guard case .string(let end)? = bound?["apus_end"], bound?["apus_count"]?.plainText != "0"
        else { return over() }
        let wanted = table.columns?.map(table.name).joined(separator: ", ") ?? "*"
        let columns = keysOnly ? "" : ", " + wanted
        let rows = try await table.rows(
            "SELECT \(table.text(of: key)) AS apus_key\(columns) FROM \(table.source) WHERE "
                + "\(behind) AND \(key) <= CAST(\(table.quoted(end)) AS \(type)) ORDER BY \(key)")
        last = end
        return SourceBatch(records: rows.map { record(of: $0) }, position: .string(end))
    }

    private func typeOfKey() async throws -> String {
        if let keyType { return keyType }
        let type = try await table.typeOfKey()
        keyType = type
        return type
    }

    private func over() -> SourceBatch? {
        guard !keysOnly else { return nil }
        last = nil
        hasToldEnd = true
        return SourceBatch(records: [], position: .null)
    }

    private func record(of row: Payload) -> SourceRecord {
        guard case .string(let key)? = row["apus_key"], !key.isEmpty else {
            return SourceRecord(
                key: "", place: table.table,
                change: .malformed(
                    reason: "a row without its key", raw: JSONValue.object(row).jsonText))
        }
        var fields = row
        fields["apus_key"] = nil
        return SourceRecord(
            key: key, place: "\(table.table), \(table.key) = \(key)",
            change: .put(RecordContent(fields: fields)))
    }
}
