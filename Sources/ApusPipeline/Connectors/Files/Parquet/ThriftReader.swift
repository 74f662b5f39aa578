/// Structures in Thrift's compact protocol, read from front to back; every step is checked.
///
/// What follows the protocol and has an unknown number is passed over, as Thrift wants it.
struct ThriftReader: Sendable {
    enum Kind: UInt8, Sendable {
        case yes = 1
        case no = 2
        case byte = 3
        case int16 = 4
        case int32 = 5
        case int64 = 6
        case double = 7
        case binary = 8
        case list = 9
        case set = 10
        case map = 11
        case structure = 12
        case uuid = 13
    }

    /// Structures in structures that are passed over.
    private static let depthMax = 32

    let bytes: [UInt8]
    private(set) var position: Int

    init(_ bytes: [UInt8], at position: Int = 0) {
        self.bytes = bytes
        self.position = min(max(0, position), bytes.count)
    }

    private var left: Int { bytes.count - position }

    /// Reads a structure: `read` gets each field's number and kind, and says whether it took the
    /// value.
    mutating func structure(
        _ read: (inout ThriftReader, Int, Kind) throws(FormatFault) -> Bool
    ) throws(FormatFault) {
        var number = 0
        while let (next, kind) = try field(after: number) {
            number = next
            if try !read(&self, number, kind) { try skip(kind, depth: 0) }
        }
    }

    /// Reads a list of structures; `read` reads one.
    mutating func structures(
        _ kind: Kind, _ what: String, most: Int,
        _ read: (inout ThriftReader) throws(FormatFault) -> Void
    ) throws(FormatFault) {
        let (count, element) = try list(kind)
        guard element == .structure || count == 0 else {
            throw FormatFault(expected: "a list of \(what)", found: "one of \(element)")
        }
        guard count <= most else {
            throw FormatFault(
                .unsupported, expected: "at most \(most) \(what)", found: "\(count)")
        }
        for _ in 0..<count { try read(&self) }
    }

    mutating func number(_ kind: Kind) throws(FormatFault) -> Int {
        switch kind {
        case .byte: return Int(Int8(bitPattern: try byte()))
        case .int16, .int32, .int64:
            let bits = try varint()
            return Int(truncatingIfNeeded: Int64(bitPattern: bits >> 1) ^ -Int64(bits & 1))
        default: throw FormatFault(expected: "a number", found: "\(kind)")
        }
    }

    /// A number that is a count, an offset or a length.
    mutating func size(_ kind: Kind, _ what: String) throws(FormatFault) -> Int {
        let size = try number(kind)
        guard size >= 0 else { throw FormatFault(expected: what, found: "\(size)") }
        return size
    }

    func truth(_ kind: Kind) throws(FormatFault) -> Bool {
        switch kind {
        case .yes: true
        case .no: false
        default: throw FormatFault(expected: "true or false", found: "\(kind)")
        }
    }

    mutating func text(_ kind: Kind) throws(FormatFault) -> String {
        guard kind == .binary else { throw FormatFault(expected: "a text", found: "\(kind)") }
        let letters = try binary()
        guard let text = String(validating: letters, as: UTF8.self) else {
            throw FormatFault(expected: "a text in UTF-8", found: "other bytes")
        }
        return text
    }

    // MARK: The protocol

    private mutating func byte() throws(FormatFault) -> UInt8 {
        guard left > 0 else { throw Self.end }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func varint() throws(FormatFault) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            let byte = try byte()
            value |= UInt64(byte & 0x7f) << UInt64(shift)
            if byte < 0x80 { return value }
        }
        throw FormatFault(expected: "a number of at most 64 bits", found: "more")
    }

    private mutating func binary() throws(FormatFault) -> ArraySlice<UInt8> {
        let count = try varint()
        guard count <= UInt64(left) else { throw Self.end }
        defer { position += Int(count) }
        return bytes[position..<(position + Int(count))]
    }

    /// nil at the end of the structure.
    private mutating func field(after last: Int) throws(FormatFault) -> (number: Int, Kind)? {
        let head = try byte()
        guard head != 0 else { return nil }
        guard let kind = Kind(rawValue: head & 15) else {
            throw FormatFault(expected: "a kind of field", found: "\(head & 15)")
        }
        let step = Int(head >> 4)
        let number = step == 0 ? try self.number(.int16) : last + step
        guard (Int(Int16.min)...Int(Int16.max)).contains(number) else {
            throw FormatFault(expected: "a field's number", found: "\(number)")
        }
        return (number, kind)
    }

    private mutating func list(_ kind: Kind) throws(FormatFault) -> (count: Int, Kind) {
        guard kind == .list || kind == .set else {
            throw FormatFault(expected: "a list", found: "\(kind)")
        }
        let head = try byte()
        guard let element = Kind(rawValue: head & 15) else {
            throw FormatFault(expected: "a kind of element", found: "\(head & 15)")
        }
        let short = Int(head >> 4)
        let count = short < 15 ? UInt64(short) : try varint()
        // Every element takes a byte at least.
        guard count <= UInt64(left) else { throw Self.end }
        return (Int(count), element)
    }

    private mutating func skip(
        _ kind: Kind, depth: Int, isElement: Bool = false
    ) throws(FormatFault) {
        guard depth <= Self.depthMax else {
            throw FormatFault(
                expected: "at most \(Self.depthMax) structures within another", found: "more")
        }
        switch kind {
        case .yes, .no: if isElement { _ = try byte() }
        case .byte: _ = try byte()
        case .int16, .int32, .int64: _ = try varint()
        case .double: try pass(8)
        case .uuid: try pass(16)
        case .binary: _ = try binary()
        case .list, .set:
            let (count, element) = try list(kind)
            for _ in 0..<count { try skip(element, depth: depth + 1, isElement: true) }
        case .map:
            let count = try varint()
            guard count <= UInt64(left) else { throw Self.end }
            guard count > 0 else { return }
            let kinds = try byte()
            guard let key = Kind(rawValue: kinds >> 4), let value = Kind(rawValue: kinds & 15)
            else { throw FormatFault(expected: "kinds of a map", found: "\(kinds)") }
            for _ in 0..<count {
                try skip(key, depth: depth + 1, isElement: true)
                try skip(value, depth: depth + 1, isElement: true)
            }
        case .structure:
            var number = 0
            while let (next, kind) = try field(after: number) {
                number = next
                try skip(kind, depth: depth + 1)
            }
        }
    }

    private mutating func pass(_ count: Int) throws(FormatFault) {
        guard count <= left else { throw Self.end }
        position += count
    }

    private static let end = FormatFault(
        .ended, expected: "the rest of a structure", found: "its end")
}
