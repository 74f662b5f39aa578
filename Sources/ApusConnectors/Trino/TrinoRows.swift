internal import ApusCore
internal import ApusPipeline

/// Reads the rows of a table in pages, each of all rows with a key behind the last one.
actor TrinoRows: RecordSource {
    private let statements: TrinoStatements
    private let settings: TrinoOrigin.Settings
    private let keysOnly: Bool
    private var last: String?
    private var keyType: String?
    private var hasToldEnd = false

    init(
        _ statements: TrinoStatements, _ settings: TrinoOrigin.Settings, at position: JSONValue?,
        keysOnly: Bool
    ) {
        self.statements = statements
        self.settings = settings
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
        let key = Self.name(settings.key)
        let behind =
            last.map { "\(key) > CAST(\(Self.quoted($0)) AS \(type))" }
            ?? "\(key) IS NOT NULL"
        // Where the page ends: the key of its last row, whose other rows go with it.
        let bounds = try await statements.rows(
            "SELECT CAST(max(k) AS varchar) AS apus_end FROM (SELECT \(key) AS k FROM "
                + "\(settings.table) WHERE \(behind) ORDER BY 1 LIMIT \(limit.records)) AS page")
        guard case .string(let end)? = bounds.first?["apus_end"] else { return over() }
        let wanted = settings.columns?.map(Self.name).joined(separator: ", ") ?? "*"
        let columns = keysOnly ? "" : ", " + wanted
        let rows = try await statements.rows(
            "SELECT CAST(\(key) AS varchar) AS apus_key\(columns) FROM \(settings.table) WHERE "
                + "\(behind) AND \(key) <= CAST(\(Self.quoted(end)) AS \(type)) ORDER BY \(key)")
        last = end
        return SourceBatch(records: rows.map { record(of: $0) }, position: .string(end))
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
                key: "", place: settings.table,
                change: .malformed(
                    reason: "a row without its key", raw: JSONValue.object(row).jsonText))
        }
        var fields = row
        fields["apus_key"] = nil
        return SourceRecord(
            key: key, place: "\(settings.table), \(settings.key) = \(key)",
            change: .put(RecordContent(fields: fields)))
    }

    private func typeOfKey() async throws -> String {
        if let keyType { return keyType }
        let described = try await statements.rows("DESCRIBE \(settings.table)")
        for column in described where column["Column"] == .string(settings.key) {
            guard case .string(let type)? = column["Type"] else { continue }
            keyType = type
            return type
        }
        throw StageError(
            .fatal, stage: "source", "\(settings.table) has no column '\(settings.key)'")
    }

    private static func name(_ name: String) -> String {
        "\"\(name.replacing("\"", with: "\"\""))\""
    }

    private static func quoted(_ text: String) -> String {
        "'\(text.replacing("'", with: "''"))'"
    }
}
