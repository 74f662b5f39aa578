internal import ApusCore
private import Foundation

/// The values of a dictionary, as JSON.
struct ArrowDictionary: Sendable {
    var values: [JSONValue] = []

    /// Values of a dictionary, and bytes of its buffers.
    static let valuesMax = 4 << 20
    static let bytesMax = 256 << 20
}

/// A column of a record batch, of which some rows at a time are in memory.
struct ArrowColumn: Sendable {
    let field: ArrowField
    /// Its values.
    let length: Int
    private let hasNulls: Bool
    /// Which values are there, and then what the type has.
    private var buffers: [ArrowBuffer]
    private var children: [ArrowColumn]
    /// Where its values are numbers of a dictionary's.
    private let dictionary: ArrowDictionary?
    /// The long ones of the views in memory, by their rows.
    private var long: [Int: [UInt8]] = [:]

    init(
        field: ArrowField, length: Int, hasNulls: Bool, buffers: [ArrowBuffer],
        children: [ArrowColumn], dictionary: ArrowDictionary?
    ) {
        self.field = field
        self.length = length
        self.hasNulls = hasNulls
        self.buffers = buffers
        self.children = children
        self.dictionary = dictionary
    }

    /// Bytes of all of it, as they lie in the file.
    var byteCount: Int {
        (buffers.map(\.count) + children.map(\.byteCount)).reduce(0) {
            $0.addingReportingOverflow($1).overflow ? .max : $0 + $1
        }
    }

    private var type: ArrowType { field.dictionary?.index ?? field.type }

    // MARK: Rows in memory

    /// Has rows in memory. `.tooLarge` where fewer may do.
    mutating func load(_ rows: Range<Int>) async throws {
        guard rows.upperBound <= length else {
            throw FormatFault(
                expected: "\(rows.upperBound) values in column \(field.path)", found: "\(length)")
        }
        guard !rows.isEmpty, type != .null else { return }
        if hasNulls { try await loadBits(0, rows) }
        if let width = type.width {
            try await load(1, rows, width: width)
            return
        }
        switch type {
        case .bool: try await loadBits(1, rows)
        case .bytes(_, let offset):
            try await loadBuffer(2, try await offsets(rows, offset))
        case .views: try await loadViews(rows)
        case .list(let offset):
            try await loadChild(0, try await offsets(rows, offset))
        case .map: try await loadChild(0, try await offsets(rows, 4))
        case .listView(let offset):
            try await load(1, rows, width: offset)
            try await load(2, rows, width: offset)
            try await loadChild(0, try viewedRange(rows, offset))
        case .fixedList(let count):
            let start = try Self.product(rows.lowerBound, count)
            try await loadChild(0, start..<(try Self.product(rows.upperBound, count)))
        case .structure:
            for index in children.indices { try await loadChild(index, rows) }
        default: break
        }
    }

    // Out of the array and back: the compiler (6.3) does not survive an element that is changed in
    // place while it is waited for.

    private mutating func loadChild(_ index: Int, _ rows: Range<Int>) async throws {
        var child = children[index]
        try await child.load(rows)
        children[index] = child
    }

    private mutating func loadBuffer(_ index: Int, _ range: Range<Int>) async throws {
        var buffer = buffers[index]
        try await buffer.load(range)
        buffers[index] = buffer
    }

    private static func product(_ left: Int, _ right: Int) throws(FormatFault) -> Int {
        let (product, isTooLarge) = left.multipliedReportingOverflow(by: right)
        guard !isTooLarge else { throw FormatFault(expected: "values", found: "too many") }
        return product
    }

    private mutating func load(_ buffer: Int, _ rows: Range<Int>, width: Int) async throws {
        let start = try Self.product(rows.lowerBound, width)
        try await loadBuffer(buffer, start..<(try Self.product(rows.upperBound, width)))
    }

    private mutating func loadBits(_ buffer: Int, _ rows: Range<Int>) async throws {
        try await loadBuffer(buffer, (rows.lowerBound >> 3)..<((rows.upperBound + 7) >> 3))
    }

    /// Has the offsets of rows in memory. Returns what they cover.
    private mutating func offsets(_ rows: Range<Int>, _ width: Int) async throws -> Range<Int> {
        try await load(1, rows.lowerBound..<(rows.upperBound + 1), width: width)
        let start = try buffers[1].place(at: rows.lowerBound * width, bytes: width)
        let end = try buffers[1].place(at: rows.upperBound * width, bytes: width)
        guard start <= end else {
            throw FormatFault(
                expected: "offsets that grow in column \(field.path)", found: "\(start), \(end)")
        }
        return start..<end
    }

    private func viewedRange(_ rows: Range<Int>, _ width: Int) throws(FormatFault) -> Range<Int> {
        var (start, end) = (Int.max, 0)
        for row in rows where try isThere(row) {
            let range = try view(row, width)
            guard !range.isEmpty else { continue }
            start = min(start, range.lowerBound)
            end = max(end, range.upperBound)
        }
        return start < end ? start..<end : 0..<0
    }

    private func view(_ row: Int, _ width: Int) throws(FormatFault) -> Range<Int> {
        let start = try buffers[1].place(at: row * width, bytes: width)
        let count = try buffers[2].place(at: row * width, bytes: width)
        let (end, isTooLarge) = start.addingReportingOverflow(count)
        guard !isTooLarge else {
            throw FormatFault(expected: "a list in column \(field.path)", found: "no end")
        }
        return start..<end
    }

    private mutating func loadViews(_ rows: Range<Int>) async throws {
        try await load(1, rows, width: 16)
        long = [:]
        var byteCount = 0
        for row in rows where try isThere(row) {
            let count = try buffers[1].place(at: 16 * row, bytes: 4)
            guard count > 12 else { continue }
            byteCount += count
            guard byteCount <= ArrowBuffer.bytesMax else {
                throw FormatFault(
                    .tooLarge, expected: "at most \(ArrowBuffer.bytesMax) bytes at a time",
                    found: "more in column \(field.path)")
            }
            let number = try buffers[1].place(at: 16 * row + 8, bytes: 4)
            let start = try buffers[1].place(at: 16 * row + 12, bytes: 4)
            guard number < buffers.count - 2 else {
                throw FormatFault(
                    expected: "a buffer of column \(field.path)", found: "number \(number)")
            }
            try await loadBuffer(2 + number, start..<(start + count))
            long[row] = Array(try buffers[2 + number].bytes(start..<(start + count)))
        }
    }

    private func isThere(_ row: Int) throws(FormatFault) -> Bool {
        hasNulls ? try buffers[0].bit(row) : true
    }

    // MARK: Values

    /// The value of a row that is in memory.
    func json(_ row: Int) throws(FormatFault) -> JSONValue {
        guard type != .null, try isThere(row) else { return .null }
        if let dictionary {
            let number = try integer(row, type)
            guard case .integer(let index) = number, let index = Int(exactly: index),
                dictionary.values.indices.contains(index)
            else {
                throw FormatFault(
                    expected: "a number of \(dictionary.values.count) values in column "
                        + field.path, found: number.jsonText)
            }
            return dictionary.values[index]
        }
        switch type {
        case .null: return .null
        case .bool: return .bool(try buffers[1].bit(row))
        case .integer: return try integer(row, type)
        case .float(let width): return try float(row, width)
        case .decimal(let width, let scale): return try decimal(row, width, scale)
        case .date, .time, .timestamp, .duration, .interval: return try moment(row)
        case .bytes(let isText, let width):
            let start = try buffers[1].place(at: row * width, bytes: width)
            let end = try buffers[1].place(at: (row + 1) * width, bytes: width)
            guard start <= end else {
                throw FormatFault(
                    expected: "offsets that grow in column \(field.path)",
                    found: "\(start), \(end)")
            }
            return try text(try buffers[2].bytes(start..<end), isText)
        case .views(let isText):
            if let bytes = long[row] { return try text(bytes[...], isText) }
            let count = try buffers[1].place(at: 16 * row, bytes: 4)
            return try text(
                try buffers[1].bytes((16 * row + 4)..<(16 * row + 4 + min(count, 12))), isText)
        case .fixedBytes(let count, let isUUID):
            let bytes = try buffers[1].bytes((row * count)..<((row + 1) * count))
            guard isUUID else { return try text(bytes, false) }
            let (high, low) = (bytes.prefix(8), bytes.suffix(8))
            return .string("\(UUIDBytes(high: Self.bigEndian(high), low: Self.bigEndian(low)))")
        case .list(let width): return try list(try covered(row, width))
        case .listView(let width): return try list(try view(row, width))
        case .fixedList(let count):
            return try list(
                try Self.product(row, count)..<Self.product(row + 1, count))
        case .structure:
            var members: [String: JSONValue] = [:]
            for child in children { members[child.field.name] = try child.json(row) }
            return .object(members)
        case .map:
            var members: [String: JSONValue] = [:]
            for entry in try covered(row, 4) {
                // The schema says that there are two.
                let pair = children[0].children
                members[try pair[0].json(entry).plainText] = try pair[1].json(entry)
            }
            return .object(members)
        }
    }

    private func covered(_ row: Int, _ width: Int) throws(FormatFault) -> Range<Int> {
        let start = try buffers[1].place(at: row * width, bytes: width)
        let end = try buffers[1].place(at: (row + 1) * width, bytes: width)
        guard start <= end else {
            throw FormatFault(
                expected: "offsets that grow in column \(field.path)", found: "\(start), \(end)")
        }
        return start..<end
    }

    private func list(_ entries: Range<Int>) throws(FormatFault) -> JSONValue {
        var elements: [JSONValue] = []
        for entry in entries { elements.append(try children[0].json(entry)) }
        return .array(elements)
    }

    private func text(
        _ bytes: ArraySlice<UInt8>, _ isText: Bool
    ) throws(FormatFault) -> JSONValue {
        if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
        guard !isText else {
            throw FormatFault(
                expected: "a text in UTF-8 in column \(field.path)", found: "other bytes")
        }
        return .string(Data(bytes).base64EncodedString())
    }

    private func integer(_ row: Int, _ type: ArrowType) throws(FormatFault) -> JSONValue {
        guard case .integer(let width, let isSigned) = type else { return .null }
        let bits = try buffers[1].number(at: row * width, bytes: width)
        if isSigned { return .integer(Self.signed(bits, width)) }
        return Int64(exactly: bits).map { .integer($0) } ?? .double(Double(bits))
    }

    private func float(_ row: Int, _ width: Int) throws(FormatFault) -> JSONValue {
        let bits = try buffers[1].number(at: row * width, bytes: width)
        let value =
            switch width {
            case 2: Double(FloatBits.float16(UInt16(truncatingIfNeeded: bits)))
            case 4: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
            default: Double(bitPattern: bits)
            }
        return value.isFinite ? .double(value) : .null
    }

    private func decimal(
        _ row: Int, _ width: Int, _ scale: Int
    ) throws(FormatFault) -> JSONValue {
        let bytes = try buffers[1].bytes((row * width)..<((row + 1) * width))
        guard width <= 16 else { return ColumnJSON.decimal(Array(bytes.reversed())[...], scale) }
        let isNegative = bytes.last ?? 0 >= 0x80
        let unscaled = bytes.reversed().reduce(isNegative ? Int128(-1) : 0) {
            $0 << 8 | Int128($1)
        }
        return ColumnJSON.decimal(unscaled, scale)
    }

    private func moment(_ row: Int) throws(FormatFault) -> JSONValue {
        func number(_ width: Int, at offset: Int = 0) throws(FormatFault) -> Int64 {
            Self.signed(
                try buffers[1].number(at: row * (type.width ?? 8) + offset, bytes: width), width)
        }
        switch type {
        case .date(let width):
            let value = try number(width)
            let time = ColumnJSON.time(value, of: width == 4 ? 86_400 : 1, width == 4 ? 0 : 3)
            return time.map { .string($0.date) } ?? .integer(value)
        case .time(let width, let digits):
            let value = try number(width)
            return ColumnJSON.time(value, of: 1, digits).map { .string($0.clock) }
                ?? .integer(value)
        case .timestamp(let digits, let isUTC):
            let value = try number(8)
            return ColumnJSON.time(value, of: 1, digits).map {
                .string("\($0.date)T\($0.clock)\(isUTC ? "Z" : "")")
            } ?? .integer(value)
        case .interval(bytes: 4): return .object(["months": .integer(try number(4))])
        case .interval(bytes: 8):
            return .object([
                "days": .integer(try number(4)), "milliseconds": .integer(try number(4, at: 4)),
            ])
        case .interval:
            return .object([
                "months": .integer(try number(4)), "days": .integer(try number(4, at: 4)),
                "nanoseconds": .integer(try number(8, at: 8)),
            ])
        default: return .integer(try number(8))
        }
    }

    private static func signed(_ bits: UInt64, _ width: Int) -> Int64 {
        let shift = UInt64(64 - 8 * width)
        return Int64(bitPattern: bits << shift) >> Int64(shift)
    }

    private static func bigEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
