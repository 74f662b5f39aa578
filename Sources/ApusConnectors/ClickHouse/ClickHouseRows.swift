internal import ApusCore
internal import ApusPipeline

/// Reads the rows of a table in pages, each of all rows with a key behind the last one.
actor ClickHouseRows: RecordSource {
    private let service: HTTPService
    private let settings: ClickHouseOrigin.Settings
    private let keysOnly: Bool
    private var last: String?
    private var keyType: String?
    private var hasToldEnd = false

    init(
        _ service: HTTPService, _ settings: ClickHouseOrigin.Settings, at position: JSONValue?,
        keysOnly: Bool
    ) {
        self.service = service
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
        let key = "`\(settings.key)`"
        let behind = last.map { "\(key) > CAST(\(Self.quoted($0)) AS \(type))" } ?? "1"
        let from = settings.table + (settings.isFinal ? " FINAL" : "")
        // Where the page ends: the key of its last row, whose other rows go with it.
        let bounds = try await query(
            "SELECT toString(max(k)) AS k, count() AS n FROM (SELECT \(key) AS k FROM \(from) "
                + "WHERE \(behind) ORDER BY k LIMIT \(limit.records))")
        guard case .object(let bound)? = bounds.first, case .string(let end)? = bound["k"],
            bound["n"]?.plainText != "0"
        else { return over() }
        let wanted = settings.columns?.map { "`\($0)`" }.joined(separator: ", ") ?? "*"
        let columns = keysOnly ? "" : ", " + wanted
        let rows = try await query(
            "SELECT toString(\(key)) AS apus_key\(columns) FROM \(from) WHERE \(behind) "
                + "AND \(key) <= CAST(\(Self.quoted(end)) AS \(type)) ORDER BY \(key)")
        last = end
        return SourceBatch(records: rows.map { record(of: $0) }, position: .string(end))
    }

    private func over() -> SourceBatch? {
        guard !keysOnly else { return nil }
        last = nil
        hasToldEnd = true
        return SourceBatch(records: [], position: .null)
    }

    private func record(of row: JSONValue) -> SourceRecord {
        guard case .object(var fields) = row, case .string(let key)? = fields["apus_key"] else {
            return SourceRecord(
                key: "", place: settings.table,
                change: .malformed(reason: "a row without its key", raw: row.jsonText))
        }
        fields["apus_key"] = nil
        return SourceRecord(
            key: key, place: "\(settings.table), \(settings.key) = \(key)",
            change: .put(RecordContent(fields: fields)))
    }

    private func typeOfKey() async throws -> String {
        if let keyType { return keyType }
        let described = try await query("DESCRIBE TABLE \(settings.table)")
        for case .object(let column) in described where column["name"] == .string(settings.key) {
            guard let type = column["type"]?.plainText, !type.hasPrefix("Nullable") else {
                throw StageError(
                    .fatal, stage: "source",
                    "column '\(settings.key)' of \(settings.table) may be NULL, and such rows would "
                        + "be passed over")
            }
            keyType = type
            return type
        }
        throw StageError(
            .fatal, stage: "source", "\(settings.table) has no column '\(settings.key)'")
    }

    /// The rows of a query, each an object.
    private func query(_ statement: String) async throws -> [JSONValue] {
        let answer: HTTPService.Answer
        do {
            // Numbers of 64 bits as numbers.
            answer = try await service.call(
                .post, "/?output_format_json_quote_64bit_integers=0",
                body: Array((statement + " FORMAT JSONEachRow").utf8), type: "text/plain")
        } catch {
            // The server answers 500 for what is wrong with a statement too.
            let isMistake = Self.mistakes.contains { error.message.contains($0) }
            throw isMistake ? StageError(.fatal, stage: error.stage, error.message) : error
        }
        var rows: [JSONValue] = []
        for line in answer.body.split(separator: 0x0a) {
            do throws(MalformedJSON) {
                rows.append(try JSONParser.value(in: Array(line)))
            } catch {
                throw StageError(
                    .transient(after: nil), stage: "source",
                    "\(settings.url) gave a row that is no JSON: "
                        + String(decoding: line.prefix(200), as: UTF8.self))
            }
        }
        return rows
    }

    private static let mistakes = [
        "DB::Exception: Unknown", "doesn't exist", "Syntax error", "Missing columns",
        "Wrong password", "Authentication failed", "Not enough privileges",
    ]

    private static func quoted(_ text: String) -> String {
        let escaped = text.map { character in
            character == "'" || character == "\\" ? "\\\(character)" : String(character)
        }
        return "'\(escaped.joined())'"
    }
}
