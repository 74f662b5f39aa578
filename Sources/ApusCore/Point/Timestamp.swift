/// A point in time: microseconds since 1970-01-01T00:00:00Z.
public struct Timestamp: Hashable, Comparable, Sendable, Codable {
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// Reads a time as the wire API accepts it: `2024-02-29`, a date and a time with `T` or a
    /// space between them, seconds and fractions of them optional, an offset (`Z`, `UTC`,
    /// `+02:00`, `+0200`, `+02`) optional after the seconds. Without an offset the time is UTC. Digits of
    /// the fraction beyond the sixth are dropped. Returns nil for anything else.
    public init?(rfc3339 text: String) {
        let utf8 = text.utf8Span
        guard let value = TimestampParser.parse(utf8.span) else { return nil }
        self = value
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC, with as many digits of the second's fraction as it needs, at most six:
    /// `2024-02-29T12:00:00.5Z`.
    public var description: String {
        let (days, rest) = Self.floorDivide(microseconds, Self.microsecondsPerDay)
        let (year, month, day) = Self.civilDate(day: days)
        let (seconds, fraction) = Self.floorDivide(rest, 1_000_000)
        var text = "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T"
        text += "\(Self.padded(seconds / 3600, 2)):\(Self.padded(seconds / 60 % 60, 2))"
        text += ":\(Self.padded(seconds % 60, 2))"
        if fraction != 0 {
            var digits = Self.padded(fraction, 6)[...]
            while digits.last == "0" { digits.removeLast() }
            text += ".\(digits)"
        }
        return text + "Z"
    }

    static let microsecondsPerDay: Int64 = 86_400_000_000

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value.magnitude)
        let zeros = String(repeating: "0", count: max(0, width - digits.count))
        return (value < 0 ? "-" : "") + zeros + digits
    }

    /// Days since 1970-01-01 of a proleptic Gregorian date. Years are counted from March, so that
    /// the leap day is the last of its year; 400 years are 146,097 days.
    static func day(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = floorDivide(marchYear, 400).0
        let yearOfEra = marchYear - era * 400
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The inverse of `day(year:month:day:)`.
    private static func civilDate(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floorDivide(day + 719_468, 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = (monthFromMarch + 2) % 12 + 1
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }
}

/// Reads one time from UTF-8, without allocating: datetime filters run it once a row.
///
/// As lenient as the wire API: numbers may have fewer digits than usual and spaces before them,
/// and spaces may stand around the offset.
package enum TimestampParser {
    package static func parse(_ text: borrowing Span<UInt8>) -> Timestamp? {
        var position = 0
        guard let midnight = date(text, &position) else { return nil }
        if position == text.count { return Timestamp(microseconds: midnight) }
        guard takeSeparator(text, &position), let time = timeOfDay(text, &position) else {
            return nil
        }
        let local = midnight + time.microseconds
        if position == text.count { return Timestamp(microseconds: local) }
        guard time.hasSeconds, let offset = offsetMinutes(text, &position) else { return nil }
        skipSpaces(text, &position)
        guard position == text.count else { return nil }
        return Timestamp(microseconds: local - offset * 60_000_000)
    }

    /// The microseconds at which a day begins.
    private static func date(_ text: borrowing Span<UInt8>, _ position: inout Int) -> Int64? {
        skipSpaces(text, &position)
        let sign = sign(text, &position)
        guard let magnitude = number(text, &position, digitsMax: sign == nil ? 4 : 5),
            take(text, &position, "-"),
            let month = number(text, &position), take(text, &position, "-"),
            let day = number(text, &position),
            (1...12).contains(month)
        else { return nil }
        let year = magnitude * (sign ?? 1)
        guard day >= 1, day <= days(inMonth: month, year: year) else { return nil }
        return Timestamp.day(year: year, month: month, day: day) * Timestamp.microsecondsPerDay
    }

    private static func days(inMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func timeOfDay(
        _ text: borrowing Span<UInt8>, _ position: inout Int
    ) -> (microseconds: Int64, hasSeconds: Bool)? {
        guard let hour = number(text, &position), take(text, &position, ":"),
            let minute = number(text, &position), hour < 24, minute < 60
        else { return nil }
        let minutes = (hour * 60 + minute) * 60_000_000
        guard take(text, &position, ":") else { return (minutes, false) }
        // 60 is a leap second.
        guard let second = number(text, &position), second <= 60 else { return nil }
        guard let fraction = fraction(text, &position) else { return nil }
        return (minutes + second * 1_000_000 + fraction, true)
    }

    /// Microseconds; 0 when there is no fraction.
    private static func fraction(_ text: borrowing Span<UInt8>, _ position: inout Int) -> Int64? {
        guard take(text, &position, ".") else { return 0 }
        let start = position
        var microseconds: Int64 = 0
        var scale: Int64 = 100_000
        while position < text.count, let digit = digit(text[position]) {
            microseconds += digit * scale
            scale /= 10
            position += 1
        }
        return position > start ? microseconds : nil
    }

    private static func offsetMinutes(
        _ text: borrowing Span<UInt8>, _ position: inout Int
    ) -> Int64? {
        skipSpaces(text, &position)
        if takeUTC(text, &position) { return 0 }
        guard let sign = sign(text, &position),
            let hours = number(text, &position, digitsMin: 2), hours < 24
        else { return nil }
        if position == text.count { return sign * hours * 60 }
        skipSpaces(text, &position)
        _ = take(text, &position, ":")
        guard let minutes = number(text, &position, digitsMin: 2), minutes < 60 else { return nil }
        return sign * (hours * 60 + minutes)
    }

    private static func takeUTC(_ text: borrowing Span<UInt8>, _ position: inout Int) -> Bool {
        if takeLetter(text, &position, "z") { return true }
        var end = position
        guard takeLetter(text, &end, "u"), takeLetter(text, &end, "t"), takeLetter(text, &end, "c")
        else { return false }
        position = end
        return true
    }

    private static func sign(_ text: borrowing Span<UInt8>, _ position: inout Int) -> Int64? {
        if take(text, &position, "+") { return 1 }
        if take(text, &position, "-") { return -1 }
        // U+2212, the minus sign.
        guard position + 3 <= text.count, text[position] == 0xe2, text[position + 1] == 0x88,
            text[position + 2] == 0x92
        else { return nil }
        position += 3
        return -1
    }

    private static func takeSeparator(
        _ text: borrowing Span<UInt8>, _ position: inout Int
    ) -> Bool {
        if takeLetter(text, &position, "t") { return true }
        let start = position
        skipSpaces(text, &position)
        return position > start
    }

    private static func skipSpaces(_ text: borrowing Span<UInt8>, _ position: inout Int) {
        while position < text.count, text[position] == 0x20 || (9...13).contains(text[position]) {
            position += 1
        }
    }

    private static func take(
        _ text: borrowing Span<UInt8>, _ position: inout Int, _ expected: Unicode.Scalar
    ) -> Bool {
        guard position < text.count, text[position] == UInt8(ascii: expected) else { return false }
        position += 1
        return true
    }

    /// Takes an ASCII letter of either case; `expected` is in lower case.
    private static func takeLetter(
        _ text: borrowing Span<UInt8>, _ position: inout Int, _ expected: Unicode.Scalar
    ) -> Bool {
        guard position < text.count, text[position] | 0x20 == UInt8(ascii: expected) else {
            return false
        }
        position += 1
        return true
    }

    private static func number(
        _ text: borrowing Span<UInt8>, _ position: inout Int, digitsMin: Int = 1,
        digitsMax: Int = 2
    ) -> Int64? {
        skipSpaces(text, &position)
        let start = position
        var value: Int64 = 0
        while position < text.count, position < start + digitsMax,
            let digit = digit(text[position])
        {
            value = value * 10 + digit
            position += 1
        }
        return position - start >= digitsMin ? value : nil
    }

    private static func digit(_ byte: UInt8) -> Int64? {
        let value = byte &- UInt8(ascii: "0")
        return value < 10 ? Int64(value) : nil
    }
}
