/// How the values of a column lie in its buffers, and what they stand for.
enum ArrowType: Hashable, Sendable {
    case null
    case bool
    case integer(bytes: Int, isSigned: Bool)
    case float(bytes: Int)
    case decimal(bytes: Int, scale: Int)
    /// Days, or milliseconds.
    case date(bytes: Int)
    /// Units since midnight, of which 10^`digits` make a second.
    case time(bytes: Int, digits: Int)
    case timestamp(digits: Int, isUTC: Bool)
    case duration
    case interval(bytes: Int)
    /// Behind offsets of so many bytes.
    case bytes(isText: Bool, offset: Int)
    /// In views of 16 bytes, which have short values themselves.
    case views(isText: Bool)
    case fixedBytes(count: Int, isUUID: Bool)
    case list(offset: Int)
    case listView(offset: Int)
    case fixedList(count: Int)
    case structure
    /// A list of structures of a key and a value.
    case map

    /// Of a value, where all have the same; nil: they have not.
    var width: Int? {
        switch self {
        case .integer(let bytes, _), .float(let bytes), .decimal(let bytes, _), .date(let bytes),
            .time(let bytes, _), .interval(let bytes), .fixedBytes(let bytes, _):
            bytes
        case .timestamp, .duration: 8
        case .null, .bool, .bytes, .views, .list, .listView, .fixedList, .structure, .map: nil
        }
    }

    /// Buffers of a column beside those that say which values are there, and beside the data of views.
    var bufferCount: Int {
        switch self {
        case .null, .fixedList, .structure: 0
        case .bytes, .listView: 2
        default: 1
        }
    }
}

/// A column as the schema describes it.
struct ArrowField: Sendable {
    var name: String
    /// From the top, as messages show it.
    var path: String
    var type: ArrowType
    var children: [ArrowField]
    /// Where values are numbers of a dictionary's values: which dictionary, and the numbers' type.
    var dictionary: (id: Int, index: ArrowType)?

    /// The same, of a dictionary's values.
    var ofValues: ArrowField {
        var field = self
        field.dictionary = nil
        return field
    }

    /// Dictionaries of it and of what is in it, with the fields of their values.
    var dictionaries: [(id: Int, values: ArrowField)] {
        (dictionary.map { [($0.id, ofValues)] } ?? []) + children.flatMap(\.dictionaries)
    }
}

/// The columns of a file or stream.
struct ArrowSchema: Sendable {
    let fields: [ArrowField]

    private static let depthMax = 64
    private static let fieldsMax = 1 << 16

    init(_ table: FlatTable) throws(FormatFault) {
        guard try table.number(0, bytes: 2) == 0 else {
            throw FormatFault(
                .unsupported, expected: "numbers in little-endian order", found: "big-endian")
        }
        var reader = Reader()
        fields = try reader.fields(try table.tables(1), in: "", depth: 1)
        guard Set(fields.map(\.name)).count == fields.count else {
            throw FormatFault(
                .unsupported, expected: "columns of different names", found: "two of one name")
        }
    }

    private struct Reader {
        /// Tables may be shared, so that a few bytes describe very many of them.
        var count = 0

        mutating func fields(
            _ tables: [FlatTable], in path: String, depth: Int
        ) throws(FormatFault) -> [ArrowField] {
            guard depth <= depthMax else {
                throw FormatFault(
                    .unsupported, expected: "at most \(depthMax) columns in each other",
                    found: "more")
            }
            var fields: [ArrowField] = []
            for table in tables {
                count += 1
                guard count <= fieldsMax else {
                    throw FormatFault(
                        .unsupported, expected: "at most \(fieldsMax) columns", found: "more")
                }
                fields.append(try field(table, in: path, depth: depth))
            }
            return fields
        }

        private mutating func field(
            _ table: FlatTable, in parent: String, depth: Int
        ) throws(FormatFault) -> ArrowField {
            let name = try table.text(0) ?? ""
            let path = parent.isEmpty ? name : "\(parent).\(name)"
            let children = try fields(try table.tables(5), in: path, depth: depth + 1)
            guard let description = try table.table(3) else {
                throw FormatFault(expected: "a type of column \(path)", found: "none")
            }
            var type = try ArrowSchema.type(
                try table.number(2, bytes: 1) & 0xff, description, path)
            if type == .fixedBytes(count: 16, isUUID: false) {
                for pair in try table.tables(6) {
                    let (key, value) = (try pair.text(0), try pair.text(1))
                    guard key == "ARROW:extension:name", value == "arrow.uuid" else { continue }
                    type = .fixedBytes(count: 16, isUUID: true)
                }
            }
            let expected =
                switch type {
                case .list, .listView, .fixedList, .map: 1
                case .structure: children.count
                default: 0
                }
            let isMap = type != .map || children.first?.children.count == 2
            guard children.count == expected, isMap else {
                throw FormatFault(
                    expected: "\(expected) columns in column \(path)", found: "\(children.count)")
            }
            var field = ArrowField(name: name, path: path, type: type, children: children)
            if let dictionary = try table.table(4) {
                var index = ArrowType.integer(bytes: 4, isSigned: true)
                if let description = try dictionary.table(1) {
                    index = try ArrowSchema.type(2, description, path)
                }
                field.dictionary = (try dictionary.number(0, bytes: 8), index)
            }
            return field
        }
    }

    /// A type by the number that stands for it in the schema, and its own description.
    private static func type(
        _ number: Int, _ table: FlatTable, _ path: String
    ) throws(FormatFault) -> ArrowType {
        func bytes(_ bits: Int, _ known: [Int]) throws(FormatFault) -> Int {
            guard known.contains(bits) else {
                throw FormatFault(
                    .unsupported, expected: "a width that we know in column \(path)",
                    found: "\(bits) bits")
            }
            return bits / 8
        }
        func digits(_ field: Int, default other: Int) throws(FormatFault) -> Int {
            let unit = try table.number(field, bytes: 2, default: other)
            guard (0...3).contains(unit) else {
                throw FormatFault(
                    .unsupported, expected: "a unit of time in column \(path)", found: "\(unit)")
            }
            return unit * 3
        }
        func count(_ what: String) throws(FormatFault) -> Int {
            let count = try table.number(0, bytes: 4)
            guard (0...(1 << 28)).contains(count) else {
                throw FormatFault(
                    .unsupported, expected: "\(what) of column \(path)", found: "\(count)")
            }
            return count
        }
        switch number {
        case 1: return .null
        case 2:
            let width = try bytes(try table.number(0, bytes: 4), [8, 16, 32, 64])
            return .integer(bytes: width, isSigned: try table.truth(1))
        case 3:
            let precision = try table.number(0, bytes: 2)
            return .float(bytes: try bytes([16, 32, 64].at(precision) ?? precision, [16, 32, 64]))
        case 4: return .bytes(isText: false, offset: 4)
        case 5: return .bytes(isText: true, offset: 4)
        case 6: return .bool
        case 7:
            let scale = try table.number(1, bytes: 4)
            guard (-1_000...1_000).contains(scale) else {
                throw FormatFault(
                    expected: "a scale of decimals in column \(path)", found: "\(scale)")
            }
            let bits = try table.number(2, bytes: 4, default: 128)
            return .decimal(bytes: try bytes(bits, [32, 64, 128, 256]), scale: scale)
        case 8: return .date(bytes: try table.number(0, bytes: 2, default: 1) == 0 ? 4 : 8)
        case 9:
            let width = try bytes(try table.number(1, bytes: 4, default: 32), [32, 64])
            return .time(bytes: width, digits: try digits(0, default: 1))
        case 10:
            return .timestamp(digits: try digits(0, default: 0), isUTC: try table.text(1) != nil)
        case 11:
            let unit = try table.number(0, bytes: 2)
            return .interval(bytes: try bytes([32, 64, 128].at(unit) ?? unit, [32, 64, 128]))
        case 12: return .list(offset: 4)
        case 13: return .structure
        case 15: return .fixedBytes(count: try count("a width"), isUUID: false)
        case 16: return .fixedList(count: try count("a length"))
        case 17: return .map
        case 18: return .duration
        case 19: return .bytes(isText: false, offset: 8)
        case 20: return .bytes(isText: true, offset: 8)
        case 21: return .list(offset: 8)
        case 23: return .views(isText: false)
        case 24: return .views(isText: true)
        case 25: return .listView(offset: 4)
        case 26: return .listView(offset: 8)
        default:
            let name = [14: "a union", 22: "run-end encoding"][number] ?? "type \(number)"
            throw FormatFault(
                .unsupported, expected: "a type that we know in column \(path)", found: name)
        }
    }
}

extension [Int] {
    fileprivate func at(_ index: Int) -> Int? { indices.contains(index) ? self[index] : nil }
}
