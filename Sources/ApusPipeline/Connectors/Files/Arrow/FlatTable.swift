/// A table of a FlatBuffers buffer. Every offset is checked where it is followed.
struct FlatTable: Sendable {
    private let bytes: [UInt8]
    private let position: Int
    /// Where the places of its fields stand, and how many.
    private let fields: Int
    private let fieldCount: Int

    /// The buffer's root.
    init(root bytes: [UInt8]) throws(FormatFault) {
        try self.init(bytes, at: try Self.follow(bytes, from: 0))
    }

    private init(_ bytes: [UInt8], at position: Int) throws(FormatFault) {
        self.bytes = bytes
        self.position = position
        let back = Int(Int32(truncatingIfNeeded: try Self.number(bytes, at: position, count: 4)))
        let table = position - back
        let size = Int(try Self.number(bytes, at: table, count: 2))
        guard size >= 4, size <= bytes.count - table else {
            throw FormatFault(expected: "the fields of a table", found: "\(size) bytes of them")
        }
        fields = table + 4
        fieldCount = (size - 4) / 2
    }

    private static func number(
        _ bytes: [UInt8], at position: Int, count: Int
    ) throws(FormatFault) -> UInt64 {
        guard position >= 0, position <= bytes.count - count else {
            throw FormatFault(
                .ended, expected: "\(count) bytes at \(position)", found: "\(bytes.count) bytes")
        }
        return (0..<count).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
    }

    /// Where the offset that stands at a position leads to.
    private static func follow(_ bytes: [UInt8], from position: Int) throws(FormatFault) -> Int {
        position + Int(try number(bytes, at: position, count: 4))
    }

    /// Where a field stands; nil: it has its default.
    private func place(of field: Int) throws(FormatFault) -> Int? {
        guard field < fieldCount else { return nil }
        let offset = Int(try Self.number(bytes, at: fields + 2 * field, count: 2))
        return offset == 0 ? nil : position + offset
    }

    // MARK: Values

    /// A number of so many bytes, with its sign.
    func number(_ field: Int, bytes count: Int, default other: Int = 0) throws(FormatFault) -> Int {
        guard let place = try place(of: field) else { return other }
        return Self.signed(try Self.number(bytes, at: place, count: count), bytes: count)
    }

    func truth(_ field: Int) throws(FormatFault) -> Bool { try number(field, bytes: 1) != 0 }

    func text(_ field: Int) throws(FormatFault) -> String? {
        guard let place = try place(of: field) else { return nil }
        let (start, count) = try vector(at: place, elementSize: 1)
        guard let text = String(validating: bytes[start..<(start + count)], as: UTF8.self) else {
            throw FormatFault(expected: "a text in UTF-8", found: "other bytes")
        }
        return text
    }

    func table(_ field: Int) throws(FormatFault) -> FlatTable? {
        guard let place = try place(of: field) else { return nil }
        return try FlatTable(bytes, at: try Self.follow(bytes, from: place))
    }

    func tables(_ field: Int) throws(FormatFault) -> [FlatTable] {
        guard let place = try place(of: field) else { return [] }
        let (start, count) = try vector(at: place, elementSize: 4)
        var tables: [FlatTable] = []
        for index in 0..<count {
            tables.append(
                try FlatTable(bytes, at: try Self.follow(bytes, from: start + 4 * index)))
        }
        return tables
    }

    /// The structures of a vector, each as the numbers of 64 bits that it consists of.
    func structures(_ field: Int, size: Int) throws(FormatFault) -> [[Int]] {
        guard let place = try place(of: field) else { return [] }
        let (start, count) = try vector(at: place, elementSize: size)
        var structures: [[Int]] = []
        for index in 0..<count {
            var numbers: [Int] = []
            for part in 0..<(size / 8) {
                numbers.append(
                    Self.signed(
                        try Self.number(bytes, at: start + size * index + 8 * part, count: 8),
                        bytes: 8))
            }
            structures.append(numbers)
        }
        return structures
    }

    private func vector(
        at place: Int, elementSize: Int
    ) throws(FormatFault) -> (start: Int, count: Int) {
        let start = try Self.follow(bytes, from: place)
        let count = Int(try Self.number(bytes, at: start, count: 4))
        guard count <= (bytes.count - start - 4) / elementSize else {
            throw FormatFault(
                .ended, expected: "\(count) elements of \(elementSize) bytes", found: "fewer")
        }
        return (start + 4, count)
    }

    private static func signed(_ number: UInt64, bytes count: Int) -> Int {
        let shift = UInt64(64 - 8 * count)
        return Int(Int64(bitPattern: number << shift) >> Int64(shift))
    }
}
