extension JSONReader {
    /// The next value, which has to be a string.
    ///
    /// Throws for control characters, unknown escapes, surrogates without their other half, and
    /// bytes that are not UTF-8.
    package mutating func readString() throws(JSONError) -> String {
        skipWhitespace()
        guard current == UInt8(ascii: "\"") else { throw unexpected(expecting: "a string") }
        let start = offset
        offset += 1
        try skipPlainCharacters(openedAt: start)
        if current == UInt8(ascii: "\"") {
            let plain = unsafe bytes[(start + 1)..<offset]
            guard let text = unsafe String(validating: plain, as: UTF8.self) else {
                throw malformed("a string that is not UTF-8", at: start)
            }
            offset += 1
            return text
        }
        return try readEscapedString(from: start)
    }

    /// Moves to the next quote or backslash.
    private mutating func skipPlainCharacters(openedAt start: Int) throws(JSONError) {
        while offset < count {
            let byte = unsafe bytes[offset]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            guard byte >= 0x20 else { throw malformed("a control character in a string") }
            offset += 1
        }
        throw malformed("a string without its closing quote", at: start)
    }

    /// Finishes a string in which a backslash comes at `offset`.
    private mutating func readEscapedString(from start: Int) throws(JSONError) -> String {
        var decoded = unsafe [UInt8](bytes[(start + 1)..<offset])
        while current == UInt8(ascii: "\\") {
            try readEscape(into: &decoded)
            let plainStart = offset
            try skipPlainCharacters(openedAt: start)
            unsafe decoded.append(contentsOf: bytes[plainStart..<offset])
        }
        guard let text = String(validating: decoded, as: UTF8.self) else {
            throw malformed("a string that is not UTF-8", at: start)
        }
        offset += 1
        return text
    }

    private mutating func readEscape(into decoded: inout [UInt8]) throws(JSONError) {
        let start = offset
        offset += 1
        let letter = current
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(letter)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0c)
        case UInt8(ascii: "n"): decoded.append(0x0a)
        case UInt8(ascii: "r"): decoded.append(0x0d)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try readUnicodeEscape(from: start)
            decoded.append(
                contentsOf: Unicode.UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default:
            throw malformed("an unknown escape in a string", at: start)
        }
    }

    /// The scalar of `\uXXXX`, or of two of them that are a surrogate pair.
    private mutating func readUnicodeEscape(from start: Int) throws(JSONError) -> UnicodeScalar {
        let first = try readHexDigits(from: start)
        if let scalar = UnicodeScalar(first) { return scalar }
        guard first < 0xdc00, current == UInt8(ascii: "\\") else {
            throw malformed("a surrogate without its other half", at: start)
        }
        offset += 1
        guard current == UInt8(ascii: "u") else {
            throw malformed("a surrogate without its other half", at: start)
        }
        offset += 1
        let second = try readHexDigits(from: start)
        guard (0xdc00...0xdfff).contains(second),
            let scalar = UnicodeScalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        else { throw malformed("a surrogate without its other half", at: start) }
        return scalar
    }

    /// Four hexadecimal digits.
    private mutating func readHexDigits(from start: Int) throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch current {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = current - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = current - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = current - UInt8(ascii: "A") + 10
            default: throw malformed("\\u without four hexadecimal digits", at: start)
            }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }
}
