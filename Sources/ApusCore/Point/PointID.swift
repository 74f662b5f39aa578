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
        let utf8 = text.utf8
        var digits = utf8.span
        if utf8.starts(with: Self.namePrefix) {
            digits = digits.extracting(droppingFirst: Self.namePrefix.count)
        }
        if digits.count > 1, digits[0] == UInt8(ascii: "{"),
            digits[digits.count - 1] == UInt8(ascii: "}")
        {
            digits = digits.extracting(1..<(digits.count - 1))
        }
        guard digits.count == 32 || digits.count == 36 else { return nil }
        let isHyphenated = digits.count == 36
        var high: UInt64 = 0
        var low: UInt64 = 0
        var seen = 0
        for position in digits.indices {
            let byte = digits[position]
            if isHyphenated, Self.isHyphen(position) {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Self.value(ofHexDigit: byte) else { return nil }
            if seen < 16 { high = high << 4 | digit } else { low = low << 4 | digit }
            seen += 1
        }
        self.init(high: high, low: low)
    }

    private static let namePrefix = Array("urn:uuid:".utf8)

    /// Of the hyphenated form.
    private static func isHyphen(_ position: Int) -> Bool {
        position == 8 || position == 13 || position == 18 || position == 23
    }

    public static func < (left: UUIDBytes, right: UUIDBytes) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// The hyphenated lower-case form.
    public var description: String { text(isHyphenated: true) }

    /// The 32 lower-case digits alone.
    package var digits: String { text(isHyphenated: false) }

    /// Made of bytes: ids are written a lot, and characters would take many times as long.
    private func text(isHyphenated: Bool) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for half in [high, low] {
            for shift in stride(from: 60, through: 0, by: -4) {
                if isHyphenated, Self.isHyphen(text.count) { text.append(UInt8(ascii: "-")) }
                let digit = UInt8(truncatingIfNeeded: half >> UInt64(shift) & 15)
                text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
            }
        }
        return String(decoding: text, as: UTF8.self)
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
