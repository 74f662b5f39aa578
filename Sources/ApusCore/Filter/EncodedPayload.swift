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
    /// What follows the tag (and, of arrays and objects, the byte count).
    private let body: UnsafeRawBufferPointer
    /// All of the value, with its tag; empty for a whole payload.
    private let bytes: UnsafeRawBufferPointer
    private let tag: PayloadTag

    fileprivate init(membersOf bytes: UnsafeRawBufferPointer) {
        unsafe body = bytes
        unsafe self.bytes = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        tag = .object
    }

    private init(
        tag: PayloadTag, body: UnsafeRawBufferPointer, bytes: UnsafeRawBufferPointer
    ) {
        self.tag = tag
        unsafe self.body = body
        unsafe self.bytes = bytes
    }

    /// Reads the value at the reader's position and moves behind it, over the values inside it
    /// in one step.
    fileprivate init(skimming reader: inout ByteReader) throws(MalformedBytes) {
        let whole = unsafe reader.rest
        let start = reader.offset
        let rawTag: UInt8 = try reader.read()
        guard let tag = PayloadTag(rawValue: rawTag) else {
            throw MalformedBytes("a payload value with unknown tag \(rawTag)", offset: start)
        }
        let body: UnsafeRawBufferPointer
        switch tag {
        case .null, .false, .true: unsafe body = try reader.readBytes(count: 0)
        case .integer:
            let rest = unsafe reader.rest
            let from = reader.offset
            _ = try reader.readVarInt()
            unsafe body = UnsafeRawBufferPointer(rebasing: rest[..<(reader.offset - from)])
        case .double: unsafe body = try reader.readBytes(count: 8)
        case .string: unsafe body = try reader.readBytes(count: reader.readCount(minimumSize: 1))
        case .array, .object:
            unsafe body = try reader.readBytes(count: Int(reader.read(UInt32.self)))
        }
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: whole[..<(reader.offset - start)])
        unsafe self.init(tag: tag, body: body, bytes: bytes)
    }

    package var kind: PayloadNodeKind {
        switch tag {
        case .null: return .null
        case .false: return .bool(false)
        case .true: return .bool(true)
        case .integer:
            var reader = unsafe ByteReader(body)
            guard let zigzag = try? reader.readVarInt() else { return .null }
            return .integer(Int64(zigzag: zigzag))
        case .double:
            var reader = unsafe ByteReader(body)
            guard let value = try? reader.readDouble() else { return .null }
            return .double(value)
        case .string: return .string
        case .array: return .array
        case .object: return .object
        }
    }

    package func withText<Result>(_ body: (borrowing Span<UInt8>) -> Result) -> Result? {
        guard tag == .string else { return nil }
        return unsafe self.body.withMemoryRebound(to: UInt8.self) { bytes in
            body(unsafe Span(_unsafeElements: bytes))
        }
    }

    package var elementCount: Int {
        guard tag == .array else { return 0 }
        var reader = unsafe ByteReader(body)
        return (try? reader.readCount(minimumSize: 1)) ?? 0
    }

    package func anyElement(_ condition: (EncodedValue) -> Bool) -> Bool {
        guard tag == .array else { return false }
        var reader = unsafe ByteReader(body)
        guard let count = try? reader.readCount(minimumSize: 1) else { return false }
        for _ in 0..<count {
            guard let element = try? EncodedValue(skimming: &reader) else { return false }
            if condition(element) { return true }
        }
        return false
    }

    package func element(at index: Int) -> EncodedValue? {
        var rest = index
        var found: EncodedValue?
        _ = anyElement { element in
            if rest == 0 { found = element }
            rest -= 1
            return found != nil
        }
        return found
    }

    package func member(_ key: PayloadKey) -> EncodedValue? {
        guard tag == .object else { return nil }
        var reader = unsafe ByteReader(body)
        return try? Self.member(key.utf8, of: &reader)
    }

    /// Keys ascend, so the walk ends at the first one behind `key`.
    private static func member(
        _ key: [UInt8], of reader: inout ByteReader
    ) throws(MalformedBytes) -> EncodedValue? {
        for _ in 0..<(try reader.readCount(minimumSize: 2)) {
            let found = unsafe try reader.readBytes(count: reader.readCount(minimumSize: 1))
            let value = try EncodedValue(skimming: &reader)
            let order = unsafe found.withMemoryRebound(to: UInt8.self) { bytes in
                unsafe Span(_unsafeElements: bytes).order(to: key)
            }
            if order == 0 { return value }
            if order > 0 { return nil }
        }
        return nil
    }

    /// The value as `JSONValue`; nil when its bytes are malformed.
    fileprivate func decoded() -> JSONValue? {
        var reader = unsafe ByteReader(bytes)
        return try? reader.readValue()
    }
}
