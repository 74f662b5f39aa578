/// Sixteen random bytes that tell a collection's log and manifest from any other's, also from those
/// of a collection of the same name that was dropped.
package struct LogID: Hashable, Sendable, CustomStringConvertible {
    package static let byteCount = 16

    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static func random() -> LogID {
        var generator = SystemRandomNumberGenerator()
        return LogID(high: generator.next(), low: generator.next())
    }

    package var description: String {
        [high, low].map { hexadecimal(UInt32($0 >> 32)) + hexadecimal(UInt32($0 & 0xffff_ffff)) }
            .joined()
    }
}
