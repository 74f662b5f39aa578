/// Structures in Thrift's compact protocol.
struct ThriftWriter: Sendable {
    private(set) var bytes: [UInt8] = []
    /// The number of the last field of each structure that is open.
    private var fields: [Int] = [0]

    /// Ends what is written as a structure of its own.
    mutating func end() { bytes.append(0) }

    mutating func number(_ field: Int, _ value: Int, _ kind: ThriftReader.Kind = .int32) {
        begin(field, kind)
        append(value)
    }

    mutating func truth(_ field: Int, _ value: Bool) { begin(field, value ? .yes : .no) }

    /// One of 8 bits.
    mutating func byte(_ field: Int, _ value: UInt8) {
        begin(field, .byte)
        bytes.append(value)
    }

    mutating func text(_ field: Int, _ text: String) {
        begin(field, .binary)
        append(text)
    }

    mutating func structure(_ field: Int, _ body: (inout ThriftWriter) -> Void) {
        begin(field, .structure)
        element(body)
    }

    mutating func numbers(_ field: Int, _ values: [Int]) {
        list(field, .int32, values.count)
        for value in values { append(value) }
    }

    mutating func texts(_ field: Int, _ values: [String]) {
        list(field, .binary, values.count)
        for value in values { append(value) }
    }

    mutating func structures<Element>(
        _ field: Int, _ elements: [Element], _ body: (inout ThriftWriter, Element) -> Void
    ) {
        list(field, .structure, elements.count)
        for value in elements { element { body(&$0, value) } }
    }

    // MARK: The protocol

    private mutating func element(_ body: (inout ThriftWriter) -> Void) {
        fields.append(0)
        body(&self)
        fields.removeLast()
        bytes.append(0)
    }

    private mutating func list(_ field: Int, _ kind: ThriftReader.Kind, _ count: Int) {
        begin(field, .list)
        guard count >= 15 else {
            bytes.append(UInt8(count) << 4 | kind.rawValue)
            return
        }
        bytes.append(0xf0 | kind.rawValue)
        ParquetBits.append(UInt64(count), to: &bytes)
    }

    /// Fields come in the order of their numbers, none more than 15 behind another.
    private mutating func begin(_ field: Int, _ kind: ThriftReader.Kind) {
        let step = field - fields[fields.count - 1]
        precondition((1...15).contains(step))
        bytes.append(UInt8(step) << 4 | kind.rawValue)
        fields[fields.count - 1] = field
    }

    private mutating func append(_ value: Int) {
        let value = Int64(value)
        ParquetBits.append(UInt64(bitPattern: value << 1 ^ value >> 63), to: &bytes)
    }

    private mutating func append(_ text: String) {
        ParquetBits.append(UInt64(text.utf8.count), to: &bytes)
        bytes += text.utf8
    }
}

extension ParquetBits {
    /// Appends a number, 7 bits a byte.
    static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a little-endian number of 32 bits.
    static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}
