/// Numbers of bytes as people write them: `1500000`, `64KiB`, `8GiB`.
package enum ByteCount {
    private static let units = [("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]

    /// nil: no whole number of bytes, or too many.
    package static func parse(_ text: String) -> Int? {
        let unit =
            units.first { text.hasSuffix($0.0) } ?? (text.hasSuffix("B") ? ("B", 0) : ("", 0))
        guard let count = Int(text.dropLast(unit.0.count)), count >= 0 else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: 1 << unit.1)
        return overflow ? nil : bytes
    }

    /// In the largest unit that needs no fraction.
    package static func text(_ bytes: Int) -> String {
        for (name, shift) in units where bytes != 0 && bytes & ((1 << shift) - 1) == 0 {
            return "\(bytes >> shift)\(name)"
        }
        return "\(bytes)B"
    }
}

/// Times as people write them: `500ms`, `10s`, `5m`, `24h`.
package enum DurationText {
    private static let units: [(String, Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000),
    ]

    /// nil: no whole number of one of the units, or too many.
    package static func parse(_ text: String) -> Duration? {
        guard let (name, milliseconds) = units.first(where: { text.hasSuffix($0.0) }),
            let count = Int64(text.dropLast(name.count)), count >= 0
        else { return nil }
        let (value, overflow) = count.multipliedReportingOverflow(by: milliseconds)
        return overflow ? nil : .milliseconds(value)
    }

    /// In the largest unit that needs no fraction; whole milliseconds only.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let value = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        let unit = units.last { value != 0 && value % $0.1 == 0 } ?? ("s", 1_000)
        return "\(value / unit.1)\(unit.0)"
    }
}
