/// A payload in its binary form (see `PayloadTag`), looked into without decoding all of it.
///
/// It borrows its bytes and must not outlive the memory behind them. The bytes have passed their
/// checksum; should they be malformed nevertheless, values are missing, and nothing traps.
@safe
package struct EncodedPayload {
    let root: EncodedValue

    package init(_ bytes: UnsafeRawBufferPointer) {
        root = unsafe EncodedValue(membersOf: bytes)
    }

    /// Calls `body` with each value at `path`, in order, the elements of an array at the path's end
    /// in place of it: the values that a condition on the field looks at.
    package func forEachFlatValue(at path: CompiledPath, _ body: (EncodedValue) -> Void) {
        _ = path.anyValue(in: root) { value in
            if value.kind == .array {
                return value.anyElement { element in
                    body(element)
                    return false
                }
            }
            body(value)
            return false
        }
    }

    /// Whether there is a value at `path` that is neither null nor an empty array: what the
    /// condition `isEmpty` denies.
    package func hasValue(at path: CompiledPath) -> Bool { path.hasValue(in: root) }

    /// Calls `body` with each value at `path`, decoded, in order; see `Payload.forEachValue`.
    package func forEachValue(at path: PayloadPath, _ body: (JSONValue) -> Void) {
        _ = CompiledPath(path).anyValue(in: root) { value in
            if let decoded = value.decoded() { body(decoded) }
            return false
        }
    }
}

/// One value inside the bytes of a payload.
@safe
package struct EncodedValue: PayloadNode {
    /// The whole payload.
    private let bytes: UnsafeRawBufferPointer
    private let tag: PayloadTag
    /// Where the tag is; -1 for a whole payload, which has none.
    private let start: Int
    /// What follows the tag (and, of strings, arrays and objects, the byte count): inside `bytes`.
    private let body: Range<Int>

    fileprivate init(membersOf bytes: UnsafeRawBufferPointer) {
        unsafe self.init(bytes: bytes, tag: .object, start: -1, body: 0..<bytes.count)
    }

    fileprivate init(
        bytes: UnsafeRawBufferPointer, tag: PayloadTag, start: Int, body: Range<Int>
    ) {
        unsafe self.bytes = bytes
        self.tag = tag
        self.start = start
        self.body = body
    }

    private var scanner: PayloadScanner { unsafe PayloadScanner(bytes: bytes, range: body) }

    package var kind: PayloadNodeKind {
        switch tag {
        case .null: return .null
        case .false: return .bool(false)
        case .true: return .bool(true)
        case .integer:
            var scanner = scanner
            return scanner.readVarInt().map { .integer(Int64(zigzag: $0)) } ?? .null
        case .double:
            let bits = unsafe bytes.loadUnaligned(
                fromByteOffset: body.lowerBound, as: UInt64.self)
            return .double(Double(bitPattern: UInt64(littleEndian: bits)))
        case .string: return .string
        case .array: return .array
        case .object: return .object
        }
    }

    package func withText<Result>(_ body: (borrowing Span<UInt8>) -> Result) -> Result? {
        guard tag == .string else { return nil }
        let text = unsafe UnsafeRawBufferPointer(rebasing: bytes[self.body])
        return unsafe text.withMemoryRebound(to: UInt8.self) { text in
            body(unsafe Span(_unsafeElements: text))
        }
    }

    package var elementCount: Int {
        guard tag == .array else { return 0 }
        var scanner = scanner
        return scanner.readCount() ?? 0
    }

    package func anyElement(_ condition: (EncodedValue) -> Bool) -> Bool {
        guard tag == .array else { return false }
        var scanner = scanner
        guard let count = scanner.readCount() else { return false }
        for _ in 0..<count {
            guard let element = scanner.readValue() else { return false }
            if condition(element) { return true }
        }
        return false
    }

    package func element(at index: Int) -> EncodedValue? {
        guard tag == .array else { return nil }
        var scanner = scanner
        guard let count = scanner.readCount(), index >= 0, index < count else { return nil }
        for _ in 0..<index where scanner.readValue() == nil { return nil }
        return scanner.readValue()
    }

    /// Keys ascend, so the walk ends at the first one behind `key`.
    package func member(_ key: PayloadKey) -> EncodedValue? {
        guard tag == .object else { return nil }
        var scanner = scanner
        guard let count = scanner.readCount() else { return nil }
        for _ in 0..<count {
            guard let order = scanner.readKey(comparingWith: key.utf8), order <= 0,
                let value = scanner.readValue()
            else { return nil }
            if order == 0 { return value }
        }
        return nil
    }

    /// The value as `JSONValue`; nil when its bytes are malformed.
    fileprivate func decoded() -> JSONValue? {
        let from = max(start, 0)
        var reader = unsafe ByteReader(
            UnsafeRawBufferPointer(rebasing: bytes[from..<body.upperBound]))
        if start < 0 { return (try? reader.readPayload()).map { .object($0) } }
        return try? reader.readValue()
    }
}

/// Steps over a payload's bytes; nil where they are malformed. Filters run it over every row, so
/// it knows nothing of what it steps over.
@safe
private struct PayloadScanner {
    private let bytes: UnsafeRawBufferPointer
    private var offset: Int
    /// At most the count of `bytes`; every access is below it.
    private let end: Int

    init(bytes: UnsafeRawBufferPointer, range: Range<Int>) {
        unsafe self.bytes = bytes
        offset = range.lowerBound
        end = range.upperBound
    }

    private mutating func readByte() -> UInt8? {
        guard offset < end else { return nil }
        let byte = unsafe bytes[offset]
        offset &+= 1
        return byte
    }

    mutating func readVarInt() -> UInt64? {
        guard let first = readByte() else { return nil }
        if first < 0x80 { return UInt64(first) }
        var value = UInt64(first & 0x7f)
        var shift: UInt64 = 7
        while shift < 64, let byte = readByte() {
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    /// A count of bytes, or of things that take a byte or more each.
    mutating func readCount() -> Int? {
        guard let count = readVarInt(), count <= UInt64(end &- offset) else { return nil }
        return Int(truncatingIfNeeded: count)
    }

    /// Negative when the key stands before `key`, 0 when it is the same, positive otherwise.
    mutating func readKey(comparingWith key: [UInt8]) -> Int? {
        guard let count = readCount() else { return nil }
        let start = offset
        offset &+= count
        for index in 0..<min(count, key.count) {
            let difference = Int(unsafe bytes[start &+ index]) &- Int(key[index])
            if difference != 0 { return difference }
        }
        return count &- key.count
    }

    /// The value here; moves behind it, over the values inside it in one step.
    mutating func readValue() -> EncodedValue? {
        let start = offset
        guard let tag = readByte().flatMap(PayloadTag.init) else { return nil }
        let count: Int
        switch tag {
        case .null, .false, .true: count = 0
        case .integer: count = varIntSize
        case .double: count = 8
        case .string:
            guard let size = readCount() else { return nil }
            count = size
        case .array, .object:
            guard end &- offset >= 4 else { return nil }
            let size = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            offset &+= 4
            count = Int(UInt32(littleEndian: size))
        }
        guard count <= end &- offset else { return nil }
        let body = offset..<(offset &+ count)
        offset = body.upperBound
        return unsafe EncodedValue(bytes: bytes, tag: tag, start: start, body: body)
    }

    /// The bytes of the variable-length integer here.
    private var varIntSize: Int {
        var position = offset
        while position < end, unsafe bytes[position] >= 0x80 { position &+= 1 }
        return position &- offset &+ 1
    }
}
