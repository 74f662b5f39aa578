package import ApusCore
package import ApusPipeline

/// The rows of a table of a ClickHouse server, over HTTP, in the order of a key. Every run reads all
/// of them.
///
/// A key need not be unique there: rows that share one are read in one page, and one of them stands
/// for the key.
package struct ClickHouseOrigin: RecordOrigin {
    package struct Settings: Sendable {
        /// `http://localhost:8123`
        package var url: String
        /// With its database where it is not the default one; as SQL writes it.
        package var table: String
        /// The columns that name a row together.
        package var key: [String]
        package var columns: [String]?
        /// Whether rows that the engine will merge are merged before they are read.
        package var isFinal: Bool
        package var user: String?
        package var password: Reference?

        init(_ declaration: Declaration) throws(DeclarationProblem) {
            let values = try declaration.members([
                "url", "table", "key", "columns", "final", "user", "password",
            ])
            url = try values.required("url", of: declaration).text()
            table = try values.required("table", of: declaration).text()
            key = try values.required("key", of: declaration).keyColumns()
            if let list = values["columns"] {
                var columns: [String] = []
                for column in try list.list() { columns.append(try column.text()) }
                self.columns = columns
            }
            isFinal = try values["final"]?.bool() ?? false
            user = try values["user"]?.text()
            password = try values["password"].map { value throws(DeclarationProblem) in
                try Reference(secret: value)
            }
        }
    }

    package let settings: Settings

    package init(_ settings: Settings) { self.settings = settings }

    package var identity: String {
        "clickhouse \(settings.url) \(settings.table) key=\(RecordKey.text(of: settings.key))"
    }

    package var showsAll: Bool { true }

    package func open(at position: JSONValue?) async throws -> any RecordSource {
        KeyedRows(try ClickHouseTable(settings), at: position)
    }

    package func openKeys() async throws -> any RecordSource {
        KeyedRows(try ClickHouseTable(settings), at: nil, keysOnly: true)
    }

    package var explanation: String {
        "\(settings.table) of ClickHouse at \(settings.url), all rows at every run, named by "
            + "\(settings.key.joined(separator: ", ")); rows that are gone are deleted"
    }
}
