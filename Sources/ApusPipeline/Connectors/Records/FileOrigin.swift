package import ApusCore
private import Foundation

/// The records of a file, or of all files below a folder, in the order of their names.
///
/// | ending | records |
/// |---|---|
/// | `.jsonl` `.ndjson`, also with `.gz` | a JSON object a line |
/// | `.csv` `.tsv` | a row, with the columns of the first |
/// | `.parquet`; `.arrow` `.arrows` `.feather` `.ipc` | a row, of which only the columns are read that somebody looks at |
/// | `.hdf5` `.h5` | a row of the tables that somebody looks at, which have equally many |
/// | what `DocumentReader` knows | the document as a whole |
///
/// Every run reads all of it from the start; what is there unchanged costs no more than that.
package struct FileOrigin: RecordOrigin {
    package let path: String
    /// The fields that name a record; nil: its line does.
    package let key: RecordKey?
    /// Larger documents are malformed records.
    package let documentBytesMax: Int
    /// Columns that are read where a file has columns; nil: all.
    private(set) var columns: Set<String>?
    /// Only what names records is of interest.
    private(set) var isKeysOnly = false

    package init(path: String, key: RecordKey? = nil, documentBytesMax: Int = 32 << 20) {
        self.path = path
        self.key = key
        self.documentBytesMax = documentBytesMax
    }

    package var identity: String {
        let full = URL(fileURLWithPath: path).standardizedFileURL.path
        return "files \(full) key=\(key?.description ?? "")"
    }

    package var showsAll: Bool { true }

    package func open(at position: JSONValue?) async throws -> any RecordSource {
        FileRecords(self, at: FilePosition(position))
    }

    package func reading(only fields: Set<String>?) -> any RecordOrigin {
        var origin = self
        origin.columns = fields
        return origin
    }

    package func openKeys() async throws -> any RecordSource {
        var origin = self
        origin.isKeysOnly = true
        return FileRecords(origin, at: nil)
    }
}

/// Where reading goes on: behind a line of a file that is as it was, or at a file's start.
struct FilePosition: Hashable, Sendable {
    var file: String
    /// Lines that are done with; nil: all of them.
    var line: Int?
    var size: Int
    var modified: Int64

    init(_ file: FileRecords.File, line: Int?) {
        self.file = file.name
        self.line = line
        size = file.size
        modified = file.modified
    }

    /// nil: at the start.
    init?(_ value: JSONValue?) {
        guard case .object(let members)? = value, case .string(let file)? = members["file"],
            case .integer(let size)? = members["size"],
            case .integer(let modified)? = members["modified"]
        else { return nil }
        self.file = file
        self.size = Int(size)
        self.modified = modified
        if case .integer(let line)? = members["line"] { self.line = Int(line) }
    }

    var value: JSONValue {
        .object([
            "file": .string(file), "line": line.map { .integer(Int64($0)) } ?? .null,
            "size": .integer(Int64(size)), "modified": .integer(modified),
        ])
    }
}
