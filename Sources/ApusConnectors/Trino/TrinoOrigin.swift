package import ApusCore
package import ApusPipeline

/// The rows of a table of a Trino or Presto server, by its statement API, in the order of a key.
/// Every run reads all of them.
///
/// A key need not be unique there: rows that share one are read in one page, and one of them stands
/// for the key. Rows whose key is NULL are not seen.
package struct TrinoOrigin: RecordOrigin {
    package struct Settings: Sendable {
        /// `http://localhost:8080`
        package var url: String
        /// As SQL writes it: `catalog.schema.table`, or less with the two below.
        package var table: String
        /// The columns that name a row together.
        package var key: [String]
        package var columns: [String]?
        package var catalog: String?
        package var schema: String?
        package var user: String
        /// With it the user is known by basic authentication.
        package var password: Reference?
        /// Presto has the same protocol with other names of headers.
        package var isPresto: Bool

        init(_ declaration: Declaration) throws(DeclarationProblem) {
            let values = try declaration.members([
                "url", "table", "key", "columns", "catalog", "schema", "user", "password",
                "dialect",
            ])
            url = try values.required("url", of: declaration).text()
            table = try values.required("table", of: declaration).text()
            key = try values.required("key", of: declaration).keyColumns()
            if let list = values["columns"] {
                var columns: [String] = []
                for column in try list.list() { columns.append(try column.text()) }
                self.columns = columns
            }
            catalog = try values["catalog"]?.text()
            schema = try values["schema"]?.text()
            user = try values["user"]?.text() ?? "apus"
            if let password = values["password"] {
                self.password = try Reference(secret: password)
            }
            isPresto = try values["dialect"]?.choice(["trino": false, "presto": true]) ?? false
        }
    }

    package let settings: Settings

    package init(_ settings: Settings) { self.settings = settings }

    package var identity: String {
        "trino \(settings.url) \(settings.catalog ?? "") \(settings.schema ?? "") "
            + "\(settings.table) key=\(RecordKey.text(of: settings.key))"
    }

    package var showsAll: Bool { true }

    package func open(at position: JSONValue?) async throws -> any RecordSource {
        KeyedRows(try TrinoTable(settings), at: position)
    }

    package func openKeys() async throws -> any RecordSource {
        KeyedRows(try TrinoTable(settings), at: nil, keysOnly: true)
    }

    package var explanation: String {
        "\(settings.table) of \(settings.isPresto ? "Presto" : "Trino") at \(settings.url), all "
            + "rows at every run, named by \(settings.key.joined(separator: ", ")); rows that are gone are deleted"
    }
}
