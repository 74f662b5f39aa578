package import ApusCore

/// A row of a file of columns.
package enum ColumnRow: Sendable {
    case fields(Payload)
    /// Its columns contradict each other, or a text is none.
    case malformed(reason: String)
}

/// The rows of a file of columns, from the first to the last.
package protocol ColumnRows: Sendable {
    /// As messages name the file.
    var path: String { get }
    /// The columns on top.
    var names: [String] { get }
    /// nil: it is not known before the end.
    var rowCount: Int? { get }
    /// Rows that are done with.
    var row: Int { get }
    /// The next row; nil at the end. Throws where nothing more can be read of the file.
    mutating func next() async throws -> ColumnRow?
    /// Passes over rows, without reading more of them than it must.
    mutating func skip(_ count: Int) async throws
}

/// Files of columns, by the endings of their names.
package enum ColumnFormat: Hashable, Sendable {
    case parquet
    case arrow
    case hdf5

    /// nil for other files.
    package init?(path: String) {
        let name = path.lowercased()
        if name.hasSuffix(".parquet") {
            self = .parquet
        } else if [".arrow", ".arrows", ".feather", ".ipc"].contains(where: name.hasSuffix) {
            self = .arrow
        } else if name.hasSuffix(".hdf5") || name.hasSuffix(".h5") {
            self = .hdf5
        } else {
            return nil
        }
    }

    /// The rows of a file, by the ending of its name (Parquet if it says nothing), of the columns in
    /// `wanted` (nil: all). Of these only `reading` (nil: all) have values in the rows: columns that are
    /// there for their number of rows cost nothing.
    package static func rows(
        of source: any RangedBytes, wanted: Set<String>? = nil, reading: Set<String>? = nil
    ) async throws -> any ColumnRows {
        switch ColumnFormat(path: source.path) {
        case .arrow: try await ArrowRows(source, wanted: reading ?? wanted)
        case .hdf5: try HDF5Rows(source, of: wanted, reading: reading)
        case .parquet, nil:
            try ParquetRows(try await ParquetFile(source), wanted: reading ?? wanted)
        }
    }
}
