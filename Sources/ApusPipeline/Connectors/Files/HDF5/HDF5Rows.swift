internal import ApusCore

/// The rows of tables of an HDF5 file that have equally many: a row is a member for each of them, a
/// list of its numbers, or the number of a table with one axis.
struct HDF5Rows: ColumnRows {
    private let file: HDF5File
    private let tables: [(name: String, rows: RowFile)]
    /// Tables whose numbers are read; of the others only how many rows they have is of interest.
    private let isRead: [Bool]
    private let count: Int
    private(set) var row = 0
    /// Rows in memory, of each table.
    private var loaded = 0..<0
    private var floats: [[JSONValue]] = []

    private static let loadedBytesMax = 1 << 20

    /// Rows of the tables in `wanted`, or of all where it is nil; `reading` are those whose numbers are
    /// asked for (nil: all).
    init(
        _ source: any RangedBytes, of wanted: Set<String>?, reading: Set<String>?
    ) throws(PipelineError) {
        guard source is InputFile else {
            throw .unsupported(
                file: source.path, expected: "a file on a disk", found: "an HDF5 file in a store")
        }
        file = try HDF5File(path: source.path)
        var tables: [(name: String, rows: RowFile)] = []
        for name in file.names where wanted?.contains(name) ?? true {
            tables.append((name, try file.rows(name)))
        }
        guard let first = tables.first else {
            throw .unsupported(
                file: source.path,
                expected: "one of the tables " + (wanted ?? []).sorted().joined(separator: ", "),
                found: "only " + file.names.prefix(8).joined(separator: ", "))
        }
        count = first.rows.layout.rowCount
        for table in tables where table.rows.layout.rowCount != count {
            throw .mismatch(
                "\(source.path): \(first.name) has \(count) rows, and \(table.name) has "
                    + "\(table.rows.layout.rowCount): name the tables that belong together, in "
                    + "`map.payload`")
        }
        isRead = tables.map { reading?.contains($0.name) ?? true }
        self.tables = tables
    }

    var path: String { file.file.path }
    var names: [String] { file.names }
    var rowCount: Int? { count }

    mutating func next() throws -> ColumnRow? {
        guard row < count else { return nil }
        if !loaded.contains(row) { try load() }
        defer { row += 1 }
        var payload: Payload = [:]
        for (index, table) in tables.enumerated() where isRead[index] {
            payload[table.name] = floats[index][row - loaded.lowerBound]
        }
        return .fields(payload)
    }

    mutating func skip(_ count: Int) { row += min(max(0, count), self.count - row) }

    private mutating func load() throws(PipelineError) {
        let stride = tables.reduce(1) { $0 + $1.rows.layout.stride }
        let rows = row..<min(count, row + max(1, Self.loadedBytesMax / stride))
        floats = []
        for (index, table) in tables.enumerated() {
            floats.append(isRead[index] ? try Self.values(table.rows, rows) : [])
        }
        loaded = rows
    }

    private static func values(
        _ table: RowFile, _ rows: Range<Int>
    ) throws(PipelineError) -> [JSONValue] {
        let width = table.layout.width
        let numbers: [JSONValue]
        switch table.layout.element {
        case .int32, .int64: numbers = try table.ids(rows).values.map { .integer(Int64($0)) }
        case .float16, .float32, .float64, .uint8:
            numbers = try table.floats(rows).values.map {
                $0.isFinite ? .double(Double($0)) : .null
            }
        }
        guard width > 1 else { return numbers }
        return (0..<rows.count).map { .array(Array(numbers[($0 * width)..<(($0 + 1) * width)])) }
    }
}
