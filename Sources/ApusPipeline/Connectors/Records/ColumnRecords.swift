internal import ApusCore

/// The rows of a Parquet, Arrow or HDF5 file as records.
package struct ColumnRecords: Sendable {
    private var rows: any ColumnRows
    private let path: String
    private let name: String
    private let key: RecordKey?
    private let time: Int64?
    /// Something in it could not be read, and so nothing behind that.
    private var isBroken = false

    /// `name` is the file's within its source, `key` the fields that name a record (nil: its row
    /// does), `columns` the top columns that are wanted beside it (nil: all), unless `keysOnly`. `time` is the file's,
    /// in milliseconds since 1970.
    package init(
        _ source: any RangedBytes, name: String, key: RecordKey?, columns: Set<String>?,
        keysOnly: Bool = false, time: Int64? = nil
    ) async throws {
        let keyColumns = key?.topFields ?? []
        rows = try await ColumnFormat.rows(
            of: source, wanted: columns?.union(keyColumns), reading: keysOnly ? keyColumns : nil)
        path = rows.path
        self.name = name
        self.key = key
        self.time = time
    }

    /// Passes over rows that are done with.
    package mutating func skip(_ count: Int) async throws { try await rows.skip(count) }

    /// The next row with the number of rows up to it, and about how many bytes it takes; nil at the
    /// end. Where the file is damaged, the last one is a malformed record without a key: nobody
    /// knows which rows are behind it.
    package mutating func next() async throws -> (line: Int, record: SourceRecord, size: Int)? {
        guard !isBroken else { return nil }
        let number = rows.row
        do {
            guard let row = try await rows.next() else { return nil }
            switch row {
            case .fields(let fields):
                let size = fields.values.reduce(0) { $0 + $1.byteCountEstimate }
                return (rows.row, record(fields, number), size)
            case .malformed(let reason):
                let key = key == nil ? "\(name)#\(number)" : ""
                return (rows.row, malformed(reason, key: key, number), 0)
            }
        } catch let error as PipelineError {
            isBroken = true
            return (
                max(number + 1, rows.rowCount ?? 0),
                malformed(error.description, key: "", number), 0
            )
        }
    }

    /// The next rows, as many as the limit says; none at the end.
    package mutating func next(
        _ limit: ReadLimit
    ) async throws -> [(line: Int, record: SourceRecord, size: Int)] {
        var found: [(line: Int, record: SourceRecord, size: Int)] = []
        var bytes = 0
        while found.count < limit.records, bytes < limit.bytes, let row = try await next() {
            found.append(row)
            bytes += row.size
        }
        return found
    }

    private func record(_ fields: Payload, _ number: Int) -> SourceRecord {
        let content = RecordContent(fields: fields)
        // Places keep this alone: with the rows they would have the columns copied for each.
        let path = path
        guard let key else {
            return SourceRecord(
                key: "\(name)#\(number)", place: "\(path), row \(number)", time: time,
                change: .put(content))
        }
        return SourceRecord(namedBy: key, place: "\(path), row \(number)", time: time, content)
    }

    private func malformed(_ reason: String, key: String, _ number: Int) -> SourceRecord {
        let path = path
        return SourceRecord(
            key: key, place: "\(path), row \(number)", time: time,
            change: .malformed(reason: reason, raw: ""))
    }
}

extension JSONValue {
    /// About what it takes in memory or as text.
    fileprivate var byteCountEstimate: Int {
        switch self {
        case .null, .bool, .integer, .double: 8
        case .string(let text): text.utf8.count + 8
        case .array(let elements): elements.reduce(8) { $0 + $1.byteCountEstimate }
        case .object(let members):
            members.reduce(8) { $0 + $1.key.utf8.count + $1.value.byteCountEstimate }
        }
    }
}
