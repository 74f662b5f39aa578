internal import ApusCore

/// A table of Trino or Presto.
struct TrinoTable: KeyedTable {
    private let statements: TrinoStatements
    let table: String
    let key: String
    let columns: [String]?

    init(_ settings: TrinoOrigin.Settings) throws {
        statements = try TrinoStatements(settings)
        table = settings.table
        key = settings.key
        columns = settings.columns
    }

    var source: String { table }
    var hasKey: String { "\(name(key)) IS NOT NULL" }

    func rows(_ statement: String) async throws -> [Payload] {
        try await statements.rows(statement)
    }

    func typeOfKey() async throws -> String {
        for column in try await rows("DESCRIBE \(table)") where column["Column"] == .string(key) {
            if case .string(let type)? = column["Type"] { return type }
        }
        throw failure("\(table) has no column '\(key)'")
    }

    func name(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }

    func quoted(_ text: String) -> String { "'\(text.replacing("'", with: "''"))'" }

    func text(of expression: String) -> String { "CAST(\(expression) AS varchar)" }
}
