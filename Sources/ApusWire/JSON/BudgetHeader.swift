package import ApusCore

/// Our own extension of the interface: headers that bound what a query may cost, over both protocols.
package enum BudgetHeader {
    /// Milliseconds.
    package static let time = "apus-time-budget-ms"
    /// Bytes.
    package static let memory = "apus-memory-budget-bytes"
}

extension QueryBudget {
    /// A month: more is a mistake.
    static let millisecondsMax = 31.0 * 24 * 3600 * 1000

    /// REQUIRES: at most `millisecondsMax`.
    static func time(milliseconds: Double) -> Duration {
        .nanoseconds(Int64(milliseconds * 1_000_000))
    }

    package init(header: (_ name: String) -> String?) throws(DatabaseError) {
        self.init()
        if let text = header(BudgetHeader.time) {
            guard let milliseconds = Double(text), milliseconds > 0,
                milliseconds <= Self.millisecondsMax
            else {
                throw DatabaseError(
                    .invalidArgument,
                    "Format error in header \(BudgetHeader.time): `\(text)`, expected milliseconds "
                        + "above 0")
            }
            time = Self.time(milliseconds: milliseconds)
        }
        if let text = header(BudgetHeader.memory) {
            guard let byteCount = Int(text), byteCount > 0 else {
                throw DatabaseError(
                    .invalidArgument,
                    "Format error in header \(BudgetHeader.memory): `\(text)`, expected a number of "
                        + "bytes above 0")
            }
            memoryByteCount = byteCount
        }
    }
}
