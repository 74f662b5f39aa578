internal import ApusCore

/// The rows of a Parquet file as records, from the first to the last.
package struct ParquetRows: ColumnRows {
    package let file: ParquetFile
    private let fields: [(name: String, node: ParquetNode)]
    private var columns: [ParquetColumn]
    private var group = -1
    /// Rows that the group has still.
    private var rowsLeft = 0
    /// Rows that are done with.
    package private(set) var row = 0
    /// The next entry of each column's row.
    private var cursors: [Int]

    /// Rows of the top columns in `wanted`, or of all where it is nil. Columns that are not wanted
    /// are not read.
    package init(_ file: ParquetFile, wanted: Set<String>? = nil) throws(PipelineError) {
        self.file = file
        let leaves: [ParquetLeaf]
        do throws(FormatFault) {
            (fields, leaves) = try file.schema.projection(wanted)
        } catch {
            throw error.error(file.source.path, .byte(file.footerStart))
        }
        columns = leaves.map { ParquetColumn($0, of: file.source) }
        cursors = Array(repeating: 0, count: columns.count)
    }

    package var path: String { file.source.path }
    package var names: [String] { file.names }
    package var rowCount: Int? { file.rowCount }

    /// The next row; nil at the end. Throws where nothing more can be read of the file.
    package mutating func next() async throws -> ColumnRow? {
        guard try await readRow() else { return nil }
        do throws(FormatFault) {
            for index in cursors.indices { cursors[index] = 0 }
            var payload: Payload = [:]
            payload.reserveCapacity(fields.count)
            for (name, node) in fields { payload[name] = try value(node, repetition: 0) }
            for (cursor, column) in zip(cursors, columns) where cursor < column.entries.count {
                throw FormatFault(
                    expected: "\(cursor) values in column \(column.leaf.path)",
                    found: "\(column.entries.count)")
            }
            return .fields(payload)
        } catch {
            return .malformed(reason: "expected \(error.expected), found \(error.found)")
        }
    }

    /// Passes over rows; those of whole row groups are not read.
    package mutating func skip(_ count: Int) async throws {
        var left = min(max(0, count), file.rowCount - row)
        while left > 0 {
            if rowsLeft == 0 {
                let next = group + 1
                guard next < file.groups.count else { return }
                let rows = file.groups[next].rowCount
                guard rows > left else {
                    group = next
                    row += rows
                    left -= rows
                    continue
                }
            }
            guard try await readRow() else { return }
            left -= 1
        }
    }

    /// Has every column read the entries of the next row; false at the end.
    private mutating func readRow() async throws -> Bool {
        while rowsLeft == 0 {
            guard group + 1 < file.groups.count else { return false }
            group += 1
            rowsLeft = file.groups[group].rowCount
            let description = try file.group(group)
            for index in columns.indices {
                // There are as many as the schema has leaves.
                try columns[index].open(
                    description.chunks[columns[index].leaf.chunk], group: group,
                    end: file.footerStart)
            }
        }
        for index in columns.indices where try !columns[index].readRowOfPage() {
            try await columns[index].readRow()
        }
        rowsLeft -= 1
        row += 1
        if rowsLeft == 0 { for column in columns { try column.checkEnd() } }
        return true
    }

    // MARK: Values

    /// The value of a node, whose first entries must have that repetition.
    private mutating func value(
        _ node: ParquetNode, repetition: UInt8
    ) throws(FormatFault) -> JSONValue {
        switch node {
        case .value(let column):
            guard let value = try take(column, repetition).value else {
                throw FormatFault(
                    expected: "a value in column \(columns[column].leaf.path)", found: "none")
            }
            return try columns[column].leaf.json(value)
        case .group(let members):
            var object: [String: JSONValue] = [:]
            for (name, node) in members {
                object[name] = try value(node, repetition: repetition)
            }
            return .object(object)
        case .optional(let definition, let columns, let inner):
            guard try isThere(columns, definition, repetition) else { return .null }
            return try value(inner, repetition: repetition)
        case .list(let definition, let level, let columns, let element):
            guard try isThere(columns, definition, repetition) else { return .array([]) }
            var elements: [JSONValue] = []
            var repetition = repetition
            repeat {
                elements.append(try value(element, repetition: repetition))
                repetition = level
            } while goesOn(columns, level)
            return .array(elements)
        case .map(let definition, let level, let columns, let key, let inner):
            guard try isThere(columns, definition, repetition) else { return .object([:]) }
            var object: [String: JSONValue] = [:]
            var repetition = repetition
            repeat {
                let name = try value(key, repetition: repetition).plainText
                object[name] =
                    try inner.map { (inner) throws(FormatFault) in
                        try value(inner, repetition: repetition)
                    } ?? .null
                repetition = level
            } while goesOn(columns, level)
            return .object(object)
        }
    }

    private mutating func take(
        _ column: Int, _ repetition: UInt8
    ) throws(FormatFault) -> ParquetEntry {
        let index = cursors[column]
        let entries = columns[column].entries
        guard index < entries.count, entries[index].repetition == repetition else {
            throw FormatFault(
                expected: "a value at level \(repetition) in column \(columns[column].leaf.path)",
                found: index < entries.count ? "one at another level" : "none")
        }
        cursors[column] = index + 1
        return entries[index]
    }

    /// Whether a node is there. Where not, its columns have an entry each that says so.
    private mutating func isThere(
        _ columns: Range<Int>, _ definition: UInt8, _ repetition: UInt8
    ) throws(FormatFault) -> Bool {
        guard let first = columns.first else { return false }
        let index = cursors[first]
        guard index < self.columns[first].entries.count else {
            throw FormatFault(
                expected: "a value in column \(self.columns[first].leaf.path)", found: "none")
        }
        if self.columns[first].entries[index].definition >= definition { return true }
        for column in columns {
            guard try take(column, repetition).definition < definition else {
                throw FormatFault(
                    expected: "nothing in column \(self.columns[column].leaf.path)",
                    found: "a value")
            }
        }
        return false
    }

    /// Whether the list at `level` has another element.
    private func goesOn(_ columns: Range<Int>, _ level: UInt8) -> Bool {
        guard let first = columns.first, cursors[first] < self.columns[first].entries.count else {
            return false
        }
        return self.columns[first].entries[cursors[first]].repetition == level
    }
}
