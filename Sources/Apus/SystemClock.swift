private import Foundation

/// The machine's clock, which may jump.
package enum SystemClock {
    @Sendable package static func millisecondsSince1970() -> UInt64 {
        UInt64(max(0, Date().timeIntervalSince1970 * 1000))
    }
}
