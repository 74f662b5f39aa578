/// A pull parser over the bytes of one JSON text (RFC 8259).
///
/// The caller asks for what it expects, so vectors go straight into `[Float]` and no tree is built
/// for the rest:
///
///     try reader.beginObject()
///     while let key = try reader.nextKey() {
///         switch key {
///         case "vector": vector = try reader.readFloats()
///         default: try reader.skipValue()
///         }
///     }
///     try reader.finish()
///
/// Hostile bytes throw a `JSONError` that names the byte; they never trap. Containers nest at most
/// `depthMax` deep, so neither the reader nor a recursive caller can run out of stack. A reader is
/// a value: a copy looks ahead without moving the original.
///
/// A reader borrows its buffer; it must not outlive the memory behind it.
@safe
package struct JSONReader {
    /// Containers in containers at most, as other servers of this API have it.
    package static let depthMax = 128

    let bytes: UnsafeRawBufferPointer
    let count: Int
    /// Bytes consumed so far.
    package internal(set) var offset = 0
    /// Containers that are open.
    private var depth = 0
    /// The last token opened a container, so that no comma may follow.
    private var isAtFirstMember = false
    /// Where `readFloats` collects numbers before it knows how many there are.
    var floats: [Float] = []

    package init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.bytes = bytes
        count = bytes.count
    }

    /// What the next value is, going by its first byte.
    package enum Kind: Hashable, Sendable {
        case object, array, string, number, bool, null
    }

    /// The kind of the next value, which stays unread.
    package mutating func peek() throws(JSONError) -> Kind {
        skipWhitespace()
        switch current {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        default: throw unexpected(expecting: "a value")
        }
    }

    // MARK: Containers

    package mutating func beginObject() throws(JSONError) {
        try open(UInt8(ascii: "{"), expecting: "an object")
    }

    /// The key of the next member, with the reader before its value; nil at the object's end,
    /// which is consumed.
    package mutating func nextKey() throws(JSONError) -> String? {
        guard try advance(to: UInt8(ascii: "}")) else { return nil }
        guard current == UInt8(ascii: "\"") else { throw unexpected(expecting: "a key in quotes") }
        let key = try readString()
        skipWhitespace()
        guard current == UInt8(ascii: ":") else { throw unexpected(expecting: "':'") }
        offset += 1
        return key
    }

    package mutating func beginArray() throws(JSONError) {
        try open(UInt8(ascii: "["), expecting: "an array")
    }

    /// Whether another element follows, with the reader before it; false at the array's end,
    /// which is consumed.
    package mutating func nextElement() throws(JSONError) -> Bool {
        try advance(to: UInt8(ascii: "]"))
    }

    /// Only white space may be left.
    package mutating func finish() throws(JSONError) {
        skipWhitespace()
        guard offset == count else {
            throw malformed("unexpected bytes after the end of the JSON value")
        }
    }

    private mutating func open(_ bracket: UInt8, expecting what: String) throws(JSONError) {
        skipWhitespace()
        guard current == bracket else { throw unexpected(expecting: what) }
        guard depth < Self.depthMax else {
            throw malformed("nested more than \(Self.depthMax) levels deep")
        }
        depth += 1
        offset += 1
        isAtFirstMember = true
    }

    /// Moves to the next member of the innermost container; false when it ends here instead.
    private mutating func advance(to closingBracket: UInt8) throws(JSONError) -> Bool {
        skipWhitespace()
        let isFirst = isAtFirstMember
        isAtFirstMember = false
        if current == closingBracket {
            offset += 1
            depth -= 1
            return false
        }
        if !isFirst {
            guard current == UInt8(ascii: ",") else {
                let closing = String(UnicodeScalar(closingBracket))
                throw unexpected(expecting: "',' or '\(closing)'")
            }
            offset += 1
            skipWhitespace()
        }
        return true
    }

    // MARK: Literals

    package mutating func readBool() throws(JSONError) -> Bool {
        skipWhitespace()
        if consume("true") { return true }
        if consume("false") { return false }
        throw unexpected(expecting: "true or false")
    }

    /// Consumes `null` if it is next, and says whether it was.
    package mutating func readNull() -> Bool {
        skipWhitespace()
        return consume("null")
    }

    private mutating func consume(_ literal: StaticString) -> Bool {
        let length = literal.utf8CodeUnitCount
        guard count - offset >= length else { return false }
        for index in 0..<length {
            guard unsafe bytes[offset + index] == literal.utf8Start[index] else { return false }
        }
        offset += length
        return true
    }

    // MARK: Bytes

    /// The byte at `offset`, or 0 (which no token starts with) at the end.
    @inline(__always)
    var current: UInt8 { offset < count ? unsafe bytes[offset] : 0 }

    @inline(__always)
    package mutating func skipWhitespace() {
        while true {
            switch current {
            case 0x20, 0x0a, 0x0d, 0x09: offset += 1
            default: return
            }
        }
    }

    // MARK: Errors

    func malformed(_ reason: String, at position: Int? = nil) -> JSONError {
        JSONError(.malformed, reason, offset: position ?? offset)
    }

    /// The bytes from `start` to here as they stand in the text, for a message.
    func excerpt(from start: Int) -> String {
        JSONError.shortened(unsafe String(decoding: bytes[start..<offset], as: UTF8.self))
    }

    func unexpected(expecting what: String) -> JSONError {
        guard offset < count else {
            return malformed("the text ends where \(what) was expected")
        }
        let found = unsafe JSONError.excerpt(bytes, at: offset)
        return malformed("expected \(what), found \(found)")
    }
}
