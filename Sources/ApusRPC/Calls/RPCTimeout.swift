package import NIOCore

/// The header `grpc-timeout` (PROTOCOL-HTTP2.md, Requests): one to eight digits and a unit.
package enum RPCTimeout {
    /// Keeps sums with it within the clock's range.
    private static let yearNanoseconds: Int64 = 365 * 24 * 3_600_000_000_000

    /// Nil for anything else. More than a year counts as a year.
    package static func parse(_ text: String) -> TimeAmount? {
        let digits = text.utf8.dropLast()
        guard let unit = text.utf8.last, (1...8).contains(digits.count) else { return nil }
        var count: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            count = count * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        let nanoseconds: Int64? =
            switch unit {
            case UInt8(ascii: "n"): 1
            case UInt8(ascii: "u"): 1_000
            case UInt8(ascii: "m"): 1_000_000
            case UInt8(ascii: "S"): 1_000_000_000
            case UInt8(ascii: "M"): 60_000_000_000
            case UInt8(ascii: "H"): 3_600_000_000_000
            default: nil
            }
        guard let nanoseconds else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: nanoseconds)
        return .nanoseconds(overflow ? yearNanoseconds : min(product, yearNanoseconds))
    }
}
