package import ApusCore

/// Text that is not the JSON that was asked for.
package struct MalformedJSON: Error, Hashable, Sendable {
    /// Bytes from the start of the text.
    package var offset: Int
    package var expected: String
    package var found: String

    package init(offset: Int, expected: String, found: String) {
        self.offset = offset
        self.expected = expected
        self.found = found
    }
}

/// Reads one JSON text (RFC 8259) from front to back, either as a whole value or piece by piece.
///
/// Integers that fit `Int64` stay integers and differ from `1.0` and `1e0`; other numbers become
/// the nearest `Double`. Of several equal keys the last one counts. Hostile text throws, it never
/// traps: nesting is bounded, text must be UTF-8, surrogates must come in pairs.
package struct JSONParser {
    private let bytes: [UInt8]
    package private(set) var offset = 0
    private var depth = 0

    package static let maximumDepth = 128
    /// Usually at most.
    private static let rowMembers = 6

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// One value that takes up the whole text.
    package static func value(in bytes: [UInt8]) throws(MalformedJSON) -> JSONValue {
        var parser = JSONParser(bytes)
        let value = try parser.readValue()
        try parser.readEnd()
        return value
    }

    // MARK: Whole values

    package mutating func readValue() throws(MalformedJSON) -> JSONValue {
        switch try peek("a value") {
        case UInt8(ascii: "{"): return .object(try readObject())
        case UInt8(ascii: "["): return .array(try readArray())
        case UInt8(ascii: "\""): return .string(try readString())
        case UInt8(ascii: "t"):
            try readWord("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try readWord("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try readWord("null")
            return .null
        default:
            let number = try readNumber()
            if let integer = number.integer { return .integer(integer) }
            return .double(try double(number))
        }
    }

    package mutating func readObject() throws(MalformedJSON) -> [String: JSONValue] {
        var object: [String: JSONValue] = [:]
        try beginObject()
        // Rows have some members each; what is in them may be many objects with next to none.
        if depth == 1 { object.reserveCapacity(Self.rowMembers) }
        while let key = try nextKey() { object[key] = try readValue() }
        return object
    }

    private mutating func readArray() throws(MalformedJSON) -> [JSONValue] {
        var array: [JSONValue] = []
        try beginArray()
        while try nextElement() { array.append(try readValue()) }
        return array
    }

    // MARK: Piece by piece

    package mutating func beginObject() throws(MalformedJSON) { try open("{", "an object") }

    /// The next key of the object whose values were read so far; nil once it is closed.
    package mutating func nextKey() throws(MalformedJSON) -> String? {
        guard try advance(in: "{", until: "}") else { return nil }
        let key = try readString()
        try readByte(":")
        return key
    }

    package mutating func beginArray() throws(MalformedJSON) { try open("[", "an array") }

    /// Whether the array has another element; consumes its end otherwise.
    package mutating func nextElement() throws(MalformedJSON) -> Bool {
        try advance(in: "[", until: "]")
    }

    /// The byte that the next value starts with, without reading it.
    package mutating func peek(
        _ expected: @autoclosure () -> String
    ) throws(MalformedJSON) -> UInt8 {
        skipSpace()
        guard offset < bytes.count else { throw malformed(expected()) }
        return bytes[offset]
    }

    package mutating func readFloat() throws(MalformedJSON) -> Float {
        let start = offset
        let number = try readNumber()
        let value = Float(try double(number))
        guard value.isFinite else {
            throw MalformedJSON(
                offset: start, expected: "a number that a 32-bit float can hold",
                found: text(number.range))
        }
        return value
    }

    package mutating func readUnsigned<Integer: FixedWidthInteger & UnsignedInteger>(
        _ type: Integer.Type = Integer.self
    ) throws(MalformedJSON) -> Integer {
        _ = try peek("an unsigned integer")
        let number = try readNumber()
        guard let value = Integer(text(number.range)) else {
            throw MalformedJSON(
                offset: number.range.lowerBound,
                expected: "an unsigned integer of \(Integer.bitWidth) bits",
                found: text(number.range))
        }
        return value
    }

    package mutating func readString() throws(MalformedJSON) -> String {
        try readByte("\"")
        var text = ""
        while true {
            let start = offset
            while offset < bytes.count, bytes[offset] != UInt8(ascii: "\""),
                bytes[offset] != UInt8(ascii: "\\"), bytes[offset] >= 0x20
            {
                offset += 1
            }
            guard let part = String(validating: bytes[start..<offset], as: UTF8.self) else {
                throw MalformedJSON(
                    offset: start, expected: "UTF-8", found: "bytes that are not")
            }
            text += part
            guard offset < bytes.count, bytes[offset] >= 0x20 else { throw malformed("'\"'") }
            offset += 1
            if bytes[offset - 1] == UInt8(ascii: "\"") { return text }
            text.unicodeScalars.append(try readEscape())
        }
    }

    /// Fails unless only space is left.
    package mutating func readEnd() throws(MalformedJSON) {
        skipSpace()
        guard offset == bytes.count else { throw malformed("the end of the line") }
    }

    package func malformed(_ expected: String) -> MalformedJSON {
        guard offset < bytes.count else {
            return MalformedJSON(offset: offset, expected: expected, found: "the end of the line")
        }
        let end = bytes[offset...].prefix(12)
            .prefix { $0 > 0x20 && $0 < 0x7f }.endIndex
        let found =
            end > offset
            ? "'\(text(offset..<end))'" : "byte 0x" + String(bytes[offset], radix: 16)
        return MalformedJSON(offset: offset, expected: expected, found: found)
    }

    // MARK: Tokens

    private mutating func open(
        _ bracket: Unicode.Scalar, _ expected: String
    ) throws(MalformedJSON) {
        guard try peek(expected) == UInt8(ascii: bracket) else { throw malformed(expected) }
        guard depth < Self.maximumDepth else {
            throw malformed("at most \(Self.maximumDepth) levels of nesting")
        }
        offset += 1
        depth += 1
    }

    /// Steps over the comma before the next member, or over the closing bracket (false). Right
    /// after the opening bracket there is no comma.
    private mutating func advance(
        in opening: Unicode.Scalar, until closing: Unicode.Scalar
    ) throws(MalformedJSON) -> Bool {
        let isFirst = offset > 0 && bytes[offset - 1] == UInt8(ascii: opening)
        let byte = try peek("'\(closing)'")
        if byte == UInt8(ascii: closing) {
            offset += 1
            depth -= 1
            return false
        }
        if !isFirst { try readByte(",") }
        return true
    }

    private mutating func readByte(_ wanted: Unicode.Scalar) throws(MalformedJSON) {
        guard try peek("'\(wanted)'") == UInt8(ascii: wanted) else {
            throw malformed("'\(wanted)'")
        }
        offset += 1
    }

    private mutating func readWord(_ word: String) throws(MalformedJSON) {
        guard bytes[offset...].starts(with: word.utf8) else { throw malformed(word) }
        offset += word.utf8.count
    }

    private mutating func readEscape() throws(MalformedJSON) -> Unicode.Scalar {
        guard offset < bytes.count else { throw malformed("an escape") }
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try readUnicodeEscape()
        default:
            offset -= 1
            throw malformed("an escape")
        }
    }

    private mutating func readUnicodeEscape() throws(MalformedJSON) -> Unicode.Scalar {
        let first = try readHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let expected = "a pair of surrogates"
        guard first < 0xdc00, bytes[offset...].starts(with: [0x5c, 0x75]) else {
            throw malformed(expected)
        }
        offset += 2
        let second = try readHexDigits()
        guard (0xdc00...0xdfff).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        else { throw malformed(expected) }
        return scalar
    }

    private mutating func readHexDigits() throws(MalformedJSON) -> UInt32 {
        let digits = bytes[offset...].prefix(4)
        guard digits.count == 4, !digits.contains(UInt8(ascii: "+")),
            !digits.contains(UInt8(ascii: "-")),
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw malformed("four hexadecimal digits") }
        offset += 4
        return value
    }

    private mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0a, 0x0d: offset += 1
            default: return
            }
        }
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }
}

// MARK: Numbers

extension JSONParser {
    /// A number as it stands in the text.
    private struct Number {
        var range: Range<Int>
        /// Set when it has no fraction and no exponent and fits; `-0` is not an integer.
        var integer: Int64?
        /// The digits without point, and where the point belongs, when they are few enough for
        /// exact arithmetic.
        var digits: UInt64
        var scale: Int
        var isNegative: Bool
    }

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]

    private mutating func readNumber() throws(MalformedJSON) -> Number {
        _ = try peek("a number")
        let start = offset
        let isNegative = take("-")
        var digits: UInt64 = 0
        let whole = offset
        try readDigits(into: &digits)
        guard offset - whole == 1 || bytes[whole] != UInt8(ascii: "0") else {
            offset = whole
            throw malformed("a number without leading zeros")
        }
        var isInteger = true
        var scale = 0
        if take(".") {
            isInteger = false
            let fraction = offset
            try readDigits(into: &digits)
            scale = fraction - offset
        }
        if take("e") || take("E") {
            isInteger = false
            scale += try readExponent()
        }
        let range = start..<offset
        var integer: Int64?
        if isInteger, !(isNegative && digits == 0) {
            // Digits that saturated are more than fit.
            integer = Int64(exactly: digits).map { isNegative ? -$0 : $0 } ?? Int64(text(range))
        }
        return Number(
            range: range, integer: integer, digits: digits, scale: scale, isNegative: isNegative)
    }

    /// Correctly rounded. Digits below 2^53 times or over a power of ten up to 10^22 need one
    /// rounding only (Clinger, "How to read floating point numbers accurately", 1990); the rest
    /// goes through the standard library.
    private func double(_ number: Number) throws(MalformedJSON) -> Double {
        if number.digits < 1 << 53, number.scale.magnitude <= 22 {
            let power = Self.powersOfTen[abs(number.scale)]
            let digits = Double(number.digits)
            let value = number.scale < 0 ? digits / power : digits * power
            return number.isNegative ? -value : value
        }
        guard let value = Double(text(number.range)), value.isFinite else {
            throw MalformedJSON(
                offset: number.range.lowerBound, expected: "a number that a double can hold",
                found: text(number.range))
        }
        return value
    }

    /// One digit or more; saturates where the value leaves 64 bits.
    private mutating func readDigits(into value: inout UInt64) throws(MalformedJSON) {
        let start = offset
        while offset < bytes.count, case let digit = bytes[offset] &- 0x30, digit < 10 {
            if value < 1 << 59 { value = value * 10 + UInt64(digit) } else { value = .max }
            offset += 1
        }
        guard offset > start else { throw malformed("a number") }
    }

    /// Clamped to ±100,000, which is beyond every double.
    private mutating func readExponent() throws(MalformedJSON) -> Int {
        let isNegative = take("-")
        if !isNegative { _ = take("+") }
        var digits: UInt64 = 0
        try readDigits(into: &digits)
        let value = Int(min(digits, 100_000))
        return isNegative ? -value : value
    }

    private mutating func take(_ wanted: Unicode.Scalar) -> Bool {
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: wanted) else { return false }
        offset += 1
        return true
    }
}
