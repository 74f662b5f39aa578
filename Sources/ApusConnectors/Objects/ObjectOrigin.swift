package import ApusCore
package import ApusPipeline

/// The objects of a store: documents, JSON objects a line, or the rows of Parquet files, by the ending
/// of the key. Every run reads all of them; of Parquet files only the parts that it needs.
package protocol ObjectOrigin: RecordOrigin {
    /// Columns that are read where an object has columns; nil: all.
    var columns: Set<String>? { get set }
    /// Its records, from a position on.
    func records(of columns: Set<String>?, at position: JSONValue?) throws -> any RecordSource
}

extension ObjectOrigin {
    package var showsAll: Bool { true }

    package func open(at position: JSONValue?) async throws -> any RecordSource {
        try records(of: columns, at: position)
    }

    package func openKeys() async throws -> any RecordSource { try records(of: [], at: nil) }

    package func reading(only fields: Set<String>?) -> any RecordOrigin {
        var origin = self
        origin.columns = fields
        return origin
    }
}
