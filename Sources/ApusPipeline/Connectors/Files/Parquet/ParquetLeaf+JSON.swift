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
    func json(_ value: ParquetValue) throws(FormatFault) -> JSONValue {
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
        case .decimal(let scale): return ColumnJSON.decimal(Int128(value), scale)
        case .date:
            return ColumnJSON.time(value, of: 86_400, 0).map { .string($0.date) } ?? .integer(value)
        case .time(let unit):
            return ColumnJSON.time(value, of: 1, unit.digits).map { .string($0.clock) }
                ?? .integer(value)
        case .timestamp(let unit, let isUTC):
            return ColumnJSON.time(value, of: 1, unit.digits).map {
                .string("\($0.date)T\($0.clock)\(isUTC ? "Z" : "")")
            } ?? .integer(value)
        default: return .integer(value)
        }
    }

    private func json(bytes: ArraySlice<UInt8>) throws(FormatFault) -> JSONValue {
        if type.physical == .int96 { return Self.int96(bytes) }
        switch meaning {
        case .text:
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw FormatFault(
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
            guard bytes.count <= 16 else { return ColumnJSON.decimal(bytes, scale) }
            let isNegative = bytes.first ?? 0 >= 0x80
            let unscaled = bytes.reduce(isNegative ? Int128(-1) : 0) { $0 << 8 | Int128($1) }
            return ColumnJSON.decimal(unscaled, scale)
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

    /// Nanoseconds of a Julian day, and that day.
    private static func int96(_ bytes: ArraySlice<UInt8>) -> JSONValue {
        let all = Array(bytes)
        let nanoseconds = Int64(bitPattern: ParquetBits.littleEndian(all, at: 0, count: 8))
        let day = Int64(ParquetBits.littleEndian(all, at: 8, count: 4)) - 2_440_588
        // Writers have times before 1970 as nanoseconds below zero, too.
        var (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        if rest < 0 { (seconds, rest) = (seconds - 1, rest + 1_000_000_000) }
        guard let time = ColumnJSON.clock(day * 86_400 + seconds, rest, 9) else {
            return .string(Data(bytes).base64EncodedString())
        }
        return .string("\(time.date)T\(time.clock)Z")
    }
}
