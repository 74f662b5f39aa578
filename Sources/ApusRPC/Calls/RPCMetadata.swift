package import NIOHPACK

/// Headers or trailers of a call beyond those of the protocol itself.
///
/// Names are compared without regard to case. Values under names that end in `-bin` are bytes,
/// which travel as Base64; all others are printable ASCII.
package struct RPCMetadata: Sendable {
    /// As HTTP/2 carries them; those of a request hold the protocol's own fields too.
    package private(set) var headers: HPACKHeaders

    package init() { headers = HPACKHeaders() }

    package init(_ headers: HPACKHeaders) { self.headers = headers }

    package var isEmpty: Bool { headers.isEmpty }

    /// The first value under `name`. O(fields).
    package func first(_ name: String) -> String? { headers.first(name: name) }

    /// Every value under `name`, in the order of the wire. O(fields).
    package func values(_ name: String) -> [String] { headers[name] }

    /// Every value under a name that ends in `-bin`, decoded; what is no Base64 is left out. One
    /// field may hold several values between commas.
    package func bytes(_ name: String) -> [[UInt8]] {
        headers[name].flatMap { $0.split(separator: ",") }.compactMap { Base64.decode($0.utf8) }
    }

    /// Adds a value; characters that no header may hold become `?`.
    package mutating func add(_ value: String, for name: String) {
        let isPlain = value.utf8.allSatisfy { $0 >= 0x20 && $0 <= 0x7E }
        let value =
            isPlain
            ? value
            : String(
                String.UnicodeScalarView(
                    value.unicodeScalars.map { $0.value >= 0x20 && $0.value <= 0x7E ? $0 : "?" }))
        headers.add(name: name.lowercased(), value: value, indexing: .nonIndexable)
    }

    /// Adds bytes under a name that ends in `-bin`.
    package mutating func add(bytes: some Collection<UInt8>, for name: String) {
        headers.add(
            name: name.lowercased(), value: Base64.encode(bytes), indexing: .nonIndexable)
    }
}

/// Base64 as metadata uses it (RFC 4648, 4): written without padding, read with or without.
package enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var bitCount = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                text.append(alphabet[Int(bits >> UInt32(bitCount) & 63)])
            }
            bits &= 63
        }
        if bitCount > 0 { text.append(alphabet[Int(bits << UInt32(6 - bitCount) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for anything that is no Base64.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        var bits: UInt32 = 0
        var bitCount = 0
        var digits = 0
        var padding = 0
        for byte in text {
            if byte == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let digit = value(of: byte) else { return nil }
            digits += 1
            bits = bits << 6 | digit
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
            bits &= 255
        }
        let isWhole = padding == 0 || (padding <= 2 && (digits + padding) % 4 == 0)
        return digits % 4 == 1 || !isWhole ? nil : bytes
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
