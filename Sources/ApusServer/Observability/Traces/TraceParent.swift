/// A place in a trace, as the header `traceparent` carries it (W3C Trace Context, level 1).
package struct TraceParent: Hashable, Sendable {
    /// Not both zero.
    package var traceHigh: UInt64
    package var traceLow: UInt64
    /// Not zero.
    package var spanID: UInt64
    /// Whether the caller records its part.
    package var isSampled: Bool

    package init(traceHigh: UInt64, traceLow: UInt64, spanID: UInt64, isSampled: Bool) {
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// nil for what is no such header: the call then begins a trace of its own.
    ///
    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`; later versions may have more
    /// behind it.
    package init?(header: String) {
        let parts = header.utf8.split(
            separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].count == 2, parts[1].count == 32, parts[2].count == 16,
            parts[3].count == 2, let version = Self.hex(parts[0]), version != 0xFF,
            version != 0 || parts.count == 4, let high = Self.hex(parts[1].prefix(16)),
            let low = Self.hex(parts[1].suffix(16)), high | low != 0,
            let span = Self.hex(parts[2]), span != 0, let flags = Self.hex(parts[3])
        else { return nil }
        self.init(traceHigh: high, traceLow: low, spanID: span, isSampled: flags & 1 == 1)
    }

    package var traceID: String { Self.text(traceHigh) + Self.text(traceLow) }

    /// Lower-case digits only, as the header has them.
    private static func hex(_ digits: Substring.UTF8View) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }

    private static func text(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
