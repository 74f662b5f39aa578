internal import ApusCore
private import Foundation

extension ParquetLeaf {
    /// A value as JSON.
    ///
    /// | column | JSON |
    /// |---|---|
    /// | texts, enums, JSON | string |
    /// | bytes without a meaning | string: as they are where they are UTF-8, else base64 |
    /// | integers | integer; above 2⁶³ − 1 a double |
    /// | decimals | number |
    /// | float16, float, double | double; null where it is not finite |
    /// | dates | string: `2024-02-29` |
    /// | times | string: `23:59:59.5` |
    /// | timestamps | string: RFC 3339, with `Z` where the column is in UTC |
    /// | UUIDs | string |
    /// | intervals | `{"months": 1, "days": 2, "milliseconds": 3}` |
    ///
    /// A date or a timestamp that lies further away than 290,000 years is the number that it is.
    func json(_ value: ParquetValue) throws(ParquetFault) -> JSONValue {
        switch value {
        case .bool(let value): return .bool(value)
        case .float(let value): return value.isFinite ? .double(Double(value)) : .null
        case .double(let value): return value.isFinite ? .double(value) : .null
        case .integer(let value): return json(integer: value)
        case .bytes(let bytes): return try json(bytes: bytes)
        }
    }

    private func json(integer value: Int64) -> JSONValue {
        switch meaning {
        case .integer(let bits, isSigned: false):
            guard bits < 64, type.physical == .int32 else {
                guard value < 0 else { return .integer(value) }
                return .double(Double(UInt64(bitPattern: value)))
            }
            return .integer(Int64(UInt32(truncatingIfNeeded: value)))
        case .decimal(let scale): return Self.decimal(Int128(value), scale)
        case .date:
            return Self.time(value, of: 86_400, 0).map { .string($0.date) } ?? .integer(value)
        case .time(let unit):
            return Self.time(value, of: 1, unit.digits).map { .string($0.clock) }
                ?? .integer(value)
        case .timestamp(let unit, let isUTC):
            return Self.time(value, of: 1, unit.digits).map {
                .string("\($0.date)T\($0.clock)\(isUTC ? "Z" : "")")
            } ?? .integer(value)
        default: return .integer(value)
        }
    }

    private func json(bytes: ArraySlice<UInt8>) throws(ParquetFault) -> JSONValue {
        if type.physical == .int96 { return Self.int96(bytes) }
        switch meaning {
        case .text:
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw ParquetFault(
                    expected: "a text in UTF-8 in column \(path)", found: "other bytes")
            }
            return .string(text)
        case .uuid where bytes.count == 16:
            let (high, low) = (bytes.prefix(8), bytes.suffix(8))
            return .string("\(UUIDBytes(high: Self.number(high), low: Self.number(low)))")
        case .float16 where bytes.count == 2:
            let start = bytes.startIndex
            let float = FloatBits.float16(UInt16(bytes[start]) | UInt16(bytes[start + 1]) << 8)
            return float.isFinite ? .double(Double(float)) : .null
        case .decimal(let scale):
            guard bytes.count <= 16 else { return Self.decimal(bytes, scale) }
            let isNegative = bytes.first ?? 0 >= 0x80
            let unscaled = bytes.reduce(isNegative ? Int128(-1) : 0) { $0 << 8 | Int128($1) }
            return Self.decimal(unscaled, scale)
        case .interval where bytes.count == 12:
            let parts = [0, 4, 8].map {
                JSONValue.integer(
                    Int64(ParquetBits.littleEndian(Array(bytes), at: $0, count: 4)))
            }
            return .object(["months": parts[0], "days": parts[1], "milliseconds": parts[2]])
        default:
            return .string(
                String(validating: bytes, as: UTF8.self) ?? Data(bytes).base64EncodedString())
        }
    }

    /// Big-endian.
    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func decimal(_ unscaled: Int128, _ scale: Int) -> JSONValue {
        if scale == 0, let integer = Int64(exactly: unscaled) { return .integer(integer) }
        return Double("\(unscaled)e-\(scale)").map { .double($0) }
            ?? .string("\(unscaled)e-\(scale)")
    }

    /// Of more digits than a double has by far.
    private static func decimal(_ bytes: ArraySlice<UInt8>, _ scale: Int) -> JSONValue {
        let isNegative = bytes.first ?? 0 >= 0x80
        var magnitude = 0.0
        for byte in bytes { magnitude = magnitude * 256 + Double(isNegative ? ~byte : byte) }
        let value = (isNegative ? -magnitude - 1 : magnitude) / pow(10, Double(scale))
        return value.isFinite ? .double(value) : .null
    }

    /// Nanoseconds of a Julian day, and that day.
    private static func int96(_ bytes: ArraySlice<UInt8>) -> JSONValue {
        let all = Array(bytes)
        let nanoseconds = Int64(bitPattern: ParquetBits.littleEndian(all, at: 0, count: 8))
        let day = Int64(ParquetBits.littleEndian(all, at: 8, count: 4)) - 2_440_588
        // Writers have times before 1970 as nanoseconds below zero, too.
        var (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        if rest < 0 { (seconds, rest) = (seconds - 1, rest + 1_000_000_000) }
        guard let time = clock(day * 86_400 + seconds, rest, 9) else {
            return .string(Data(bytes).base64EncodedString())
        }
        return .string("\(time.date)T\(time.clock)Z")
    }

    /// A number of units since 1970, each of `seconds`, or of which 10^`digits` make a second.
    private static func time(
        _ value: Int64, of seconds: Int64, _ digits: Int
    ) -> (date: String, clock: String)? {
        guard digits > 0 else {
            let (whole, isTooLarge) = value.multipliedReportingOverflow(by: seconds)
            return isTooLarge ? nil : clock(whole, 0, 0)
        }
        let parts = (0..<digits).reduce(Int64(1)) { part, _ in part * 10 }
        var (whole, rest) = value.quotientAndRemainder(dividingBy: parts)
        if rest < 0 { (whole, rest) = (whole - 1, rest + parts) }
        return clock(whole, rest, digits)
    }

    /// With as many digits of the second's fraction as it needs.
    private static func clock(
        _ seconds: Int64, _ fraction: Int64, _ digits: Int
    ) -> (date: String, clock: String)? {
        let (microseconds, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !isTooLarge else { return nil }
        let parts = Timestamp(microseconds: microseconds).description.split(separator: "T")
        guard parts.count == 2 else { return nil }
        var clock = String(parts[1].dropLast())
        if fraction != 0 {
            let text = String(fraction)
            clock += "." + String(repeating: "0", count: max(0, digits - text.count)) + text
            while clock.last == "0" { clock.removeLast() }
        }
        return (String(parts[0]), clock)
    }
}
