internal import ApusCore
internal import ApusPipeline

/// A table of ClickHouse.
struct ClickHouseTable: KeyedTable {
    private let service: HTTPService
    let table: String
    let key: [String]
    let columns: [String]?
    let source: String

    init(_ settings: ClickHouseOrigin.Settings) throws(StageError) {
        var service = HTTPService(stage: "source", base: settings.url)
        if let user = settings.user { service.headers.append(("x-clickhouse-user", user)) }
        if let password = settings.password {
            service.headers.append(("x-clickhouse-key", try password.value()))
        }
        self.service = service
        table = settings.table
        key = settings.key
        columns = settings.columns
        source = settings.table + (settings.isFinal ? " FINAL" : "")
    }

    /// No key is NULL: its type says so.
    var hasKey: String { "1" }

    func typesOfKey() async throws -> [String] {
        let columns = try await rows("DESCRIBE TABLE \(table)")
        return try key.map { name in
            guard let column = columns.first(where: { $0["name"] == .string(name) }) else {
                throw failure("\(table) has no column '\(name)'")
            }
            guard let type = column["type"]?.plainText, !type.hasPrefix("Nullable") else {
                throw failure(
                    "column '\(name)' of \(table) may be NULL, and such rows would be passed over")
            }
            return type
        }
    }

    func name(_ name: String) -> String { "`\(name)`" }

    func text(of expression: String) -> String { "toString(\(expression))" }

    func rows(_ statement: String) async throws -> [Payload] {
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
        var rows: [Payload] = []
        for line in answer.body.split(separator: 0x0a) {
            guard case .object(let row)? = try? JSONParser.value(in: Array(line)) else {
                throw StageError(
                    .transient(after: nil), stage: "source",
                    "\(service.base) gave a row that is no JSON: "
                        + String(decoding: line.prefix(200), as: UTF8.self))
            }
            rows.append(row)
        }
        return rows
    }

    private static let mistakes = [
        "DB::Exception: Unknown", "doesn't exist", "Syntax error", "Missing columns",
        "Wrong password", "Authentication failed", "Not enough privileges",
    ]

    func quoted(_ text: String) -> String {
        let escaped = text.map { character in
            character == "'" || character == "\\" ? "\\\(character)" : String(character)
        }
        return "'\(escaped.joined())'"
    }
}
