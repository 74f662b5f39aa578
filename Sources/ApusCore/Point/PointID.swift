/// Identifies a point within its collection: an unsigned number or a UUID.
///
/// Numbers sort before UUIDs, numbers by value and UUIDs by their bytes; `scroll` returns points
/// in this order.
public enum PointID: Hashable, Sendable {
    case number(UInt64)
    case uuid(UUIDBytes)
}

extension PointID: Comparable {
    public static func < (left: PointID, right: PointID) -> Bool {
        switch (left, right) {
        case (.number(let a), .number(let b)): a < b
        case (.number, .uuid): true
        case (.uuid, .number): false
        case (.uuid(let a), .uuid(let b)): a < b
        }
    }
}

extension PointID: CustomStringConvertible {
    public var description: String {
        switch self {
        case .number(let number): String(number)
        case .uuid(let uuid): uuid.description
        }
    }
}

extension PointID: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: UInt64) { self = .number(value) }
}

/// The 128 bits of a UUID, as two big-endian halves.
public struct UUIDBytes: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads a UUID in any of its usual forms: hyphenated, 32 plain digits, in braces, or as a
    /// `urn:uuid:`. Letters may have either case. Returns nil for anything else.
    public init?(_ text: String) {
        var digits = text.utf8[...]
        if digits.starts(with: "urn:uuid:".utf8) { digits = digits.dropFirst(9) }
        if digits.first == UInt8(ascii: "{"), digits.last == UInt8(ascii: "}") {
            digits = digits.dropFirst().dropLast()
        }
        let hyphenated: Bool
        switch digits.count {
        case 32: hyphenated = false
        case 36: hyphenated = true
        default: return nil
        }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var seen = 0
        for (position, byte) in digits.enumerated() {
            if hyphenated, position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Self.value(ofHexDigit: byte) else { return nil }
            if seen < 16 { high = high << 4 | digit } else { low = low << 4 | digit }
            seen += 1
        }
        self.init(high: high, low: low)
    }

    public static func < (left: UUIDBytes, right: UUIDBytes) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// The hyphenated lower-case form.
    public var description: String {
        let digits = Self.hex(high) + Self.hex(low)
        var text = ""
        for (position, digit) in digits.enumerated() {
            if position == 8 || position == 12 || position == 16 || position == 20 {
                text.append("-")
            }
            text.append(digit)
        }
        return text
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func value(ofHexDigit byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
