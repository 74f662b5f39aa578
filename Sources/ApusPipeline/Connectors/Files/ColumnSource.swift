package import ApusCore

/// The rows of a Parquet or Arrow file as points.
///
/// | column | |
/// |---|---|
/// | `id` | an unsigned number, or a text: a number or a UUID. Without it a row's number is its id |
/// | `vector` | `list<float>` of any float type; `list<list<float>>` (a multivector); a struct of `indices` and `values` (a sparse vector) |
/// | `vectors` | a struct with a member for each named vector, each as above |
/// | `payload` | a struct, a map, or a text that is a JSON object: members of the payload |
/// | others | members of the payload, by their names |
package struct ColumnSource: PointSource {
    /// The columns that have ids and unnamed vectors.
    package struct Columns: Hashable, Sendable {
        package var id = "id"
        package var vector = "vector"

        package init() {}
    }

    private static let vectorsColumn = "vectors"
    private static let payloadColumn = "payload"

    private let path: String
    private let columns: Columns
    private let firstID: UInt64
    private let hasIDs: Bool
    private var rows: any ColumnRows
    private let file: InputFile
    /// The first points, which were read to know the fields; last one first.
    private var waiting: [Point] = []
    package let fields: [VectorField]

    package init(
        _ file: InputFile, columns: Columns = Columns(), firstID: UInt64 = 0
    ) async throws {
        var rows = try await ColumnFormat.rows(of: file)
        self.file = file
        path = file.path
        self.columns = columns
        self.firstID = firstID
        hasIDs = rows.names.contains(columns.id)
        guard rows.names.contains(columns.vector) || rows.names.contains(Self.vectorsColumn)
        else {
            throw PipelineError.unsupported(
                file: path, expected: "a column '\(columns.vector)' of vectors",
                found: "only " + rows.names.prefix(20).joined(separator: ", "))
        }
        guard firstID <= UInt64.max - UInt64(rows.rowCount ?? file.size) else {
            throw PipelineError.mismatch("ids from \(firstID) on leave 64 bits")
        }
        var points: [Point] = []
        while points.count < Self.pointsLookedAt, let row = try await Self.row(&rows) {
            points.append(
                try Self.point(
                    row, number: points.count, path: path, columns,
                    firstID: hasIDs ? nil : firstID))
        }
        guard !points.isEmpty else {
            throw PipelineError.malformed(
                file: path, .row(0), expected: "a point", found: "a file without rows")
        }
        self.rows = rows
        waiting = points.reversed()
        // A point may lack some fields.
        var fields: [String: VectorField] = [:]
        for field in points.flatMap(VectorField.fields(of:)) where fields[field.name] == nil {
            fields[field.name] = field
        }
        self.fields = fields.values.sorted { $0.name < $1.name }
    }

    private static let pointsLookedAt = 256

    package var count: Int? { rows.rowCount }

    /// 0 where nobody knows how many rows there are.
    package var fractionRead: Double {
        guard let count = rows.rowCount else { return 0 }
        return count == 0 ? 1 : Double(rows.row - waiting.count) / Double(count)
    }

    package mutating func skip(_ count: Int) async throws(PipelineError) -> [PointID] {
        let count = min(count, rows.rowCount ?? count)
        let sample = Set(SkipSample.rows(of: count))
        var ids: [PointID] = []
        for row in 0..<count {
            guard let point = try await nextPoint() else { break }
            if sample.contains(row) { ids.append(point.id) }
        }
        return ids
    }

    package mutating func next(_ limit: Int) async throws(PipelineError) -> [Point] {
        var points: [Point] = []
        while points.count < limit, let point = try await nextPoint() { points.append(point) }
        return points
    }

    private mutating func nextPoint() async throws(PipelineError) -> Point? {
        if let point = waiting.popLast() { return point }
        let number = rows.row
        guard let row = try await Self.row(&rows) else { return nil }
        return try Self.point(
            row, number: number, path: path, columns, firstID: hasIDs ? nil : firstID)
    }

    private static func row(
        _ rows: inout any ColumnRows
    ) async throws(PipelineError) -> ColumnRow? {
        do { return try await rows.next() } catch let error as PipelineError { throw error } catch {
            throw .unreadable(file: rows.path, reason: "\(error)")
        }
    }

    // MARK: Points

    private static func point(
        _ row: ColumnRow, number: Int, path: String, _ columns: Columns, firstID: UInt64?
    ) throws(PipelineError) -> Point {
        var fields: Payload
        switch row {
        case .fields(let all): fields = all
        case .malformed(let reason):
            throw .malformed(
                file: path, .row(number), expected: "columns of one row", found: reason)
        }
        do throws(FormatFault) {
            let id: PointID
            if let firstID {
                id = .number(firstID + UInt64(number))
            } else {
                id = try Self.id(fields.removeValue(forKey: columns.id) ?? .null, columns.id)
            }
            var vectors: [String: Vector] = [:]
            if let value = fields.removeValue(forKey: columns.vector), value != .null {
                vectors[defaultVectorName] = try vector(value, columns.vector)
            }
            if case .object(let named)? = fields.removeValue(forKey: vectorsColumn) {
                for (name, value) in named where value != .null {
                    vectors[name] = try vector(value, "\(vectorsColumn).\(name)")
                }
            }
            if let value = fields.removeValue(forKey: payloadColumn) {
                fields.merge(try payload(value)) { column, _ in column }
            }
            return Point(id: id, vectors: vectors, payload: fields)
        } catch {
            throw error.error(path, .row(number))
        }
    }

    private static func id(_ value: JSONValue, _ column: String) throws(FormatFault) -> PointID {
        if case .integer(let number) = value, let number = UInt64(exactly: number) {
            return .number(number)
        }
        if case .string(let text) = value {
            if let number = UInt64(text) { return .number(number) }
            if let uuid = UUIDBytes(text) { return .uuid(uuid) }
        }
        throw FormatFault(
            expected: "an unsigned number below 2^63, or the text of one or of a UUID, in column "
                + column, found: String(value.jsonText.prefix(60)))
    }

    private static func vector(
        _ value: JSONValue, _ column: String
    ) throws(FormatFault) -> Vector {
        switch value {
        case .array(let elements):
            guard case .array? = elements.first else {
                return .dense(try floats(elements, column))
            }
            var rows: [[Float]] = []
            for element in elements {
                guard case .array(let row) = element else {
                    throw FormatFault(
                        expected: "a list of lists of numbers in column \(column)",
                        found: "other elements")
                }
                rows.append(try floats(row, column))
            }
            return .multi(rows)
        case .object(let members):
            guard case .array(let indices)? = members["indices"],
                case .array(let values)? = members["values"], indices.count == values.count
            else {
                throw FormatFault(
                    expected: "as many indices as values in column \(column)",
                    found: String(value.jsonText.prefix(60)))
            }
            var sparse = SparseVector(indices: [], values: try floats(values, column))
            for index in indices {
                guard case .integer(let number) = index, let number = UInt32(exactly: number)
                else {
                    throw FormatFault(
                        expected: "indices of 32 bits in column \(column)",
                        found: index.jsonText)
                }
                sparse.indices.append(number)
            }
            return .sparse(sparse)
        default:
            throw FormatFault(
                expected: "a vector in column \(column)",
                found: String(value.jsonText.prefix(60)))
        }
    }

    private static func floats(
        _ elements: [JSONValue], _ column: String
    ) throws(FormatFault) -> [Float] {
        var floats: [Float] = []
        floats.reserveCapacity(elements.count)
        for element in elements {
            switch element {
            case .double(let number): floats.append(Float(number))
            case .integer(let number): floats.append(Float(number))
            default:
                throw FormatFault(
                    expected: "finite numbers in column \(column)",
                    found: String(element.jsonText.prefix(60)))
            }
        }
        return floats
    }

    private static func payload(_ value: JSONValue) throws(FormatFault) -> Payload {
        switch value {
        case .null: return [:]
        case .object(let members): return members
        case .string(let text):
            do throws(MalformedJSON) {
                var parser = JSONParser(Array(text.utf8))
                let object = try parser.readObject()
                try parser.readEnd()
                return object
            } catch {
                throw FormatFault(
                    expected: "\(error.expected) at byte \(error.offset) of column "
                        + payloadColumn, found: error.found)
            }
        default:
            throw FormatFault(
                expected: "an object in column \(payloadColumn)",
                found: String(value.jsonText.prefix(60)))
        }
    }
}
