internal import ApusCore
private import Foundation

/// Values of columns as JSON, whatever file they stand in.
enum ColumnJSON {
    static func decimal(_ unscaled: Int128, _ scale: Int) -> JSONValue {
        if scale == 0, let integer = Int64(exactly: unscaled) { return .integer(integer) }
        let text = "\(unscaled)e\(-scale)"
        return Double(text).map { .double($0) } ?? .string(text)
    }

    /// Of more digits than a double has by far.
    static func decimal(_ bytes: ArraySlice<UInt8>, _ scale: Int) -> JSONValue {
        let isNegative = bytes.first ?? 0 >= 0x80
        var magnitude = 0.0
        for byte in bytes { magnitude = magnitude * 256 + Double(isNegative ? ~byte : byte) }
        let value = (isNegative ? -magnitude - 1 : magnitude) / pow(10, Double(scale))
        return value.isFinite ? .double(value) : .null
    }

    /// A number of units since 1970, each of `seconds`, or of which 10^`digits` make a second.
    static func time(
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
    static func clock(
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
