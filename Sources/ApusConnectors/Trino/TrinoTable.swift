internal import ApusCore

/// A table of Trino or Presto.
struct TrinoTable: KeyedTable {
    private let statements: TrinoStatements
    let table: String
    let key: [String]
    let columns: [String]?

    init(_ settings: TrinoOrigin.Settings) throws {
        statements = try TrinoStatements(settings)
        table = settings.table
        key = settings.key
        columns = settings.columns
    }

    var source: String { table }
    var hasKey: String { key.map { "\(name($0)) IS NOT NULL" }.joined(separator: " AND ") }

    func rows(_ statement: String) async throws -> [Payload] {
        try await statements.rows(statement)
    }

    func typesOfKey() async throws -> [String] {
        let columns = try await rows("DESCRIBE \(table)")
        return try key.map { name in
            let column = columns.first { $0["Column"] == .string(name) }
            guard case .string(let type)? = column?["Type"] else {
                throw failure("\(table) has no column '\(name)'")
            }
            return type
        }
    }

    func name(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }

    func quoted(_ text: String) -> String { "'\(text.replacing("'", with: "''"))'" }

    func text(of expression: String) -> String { "CAST(\(expression) AS varchar)" }
}
