/// Counts the rows from the start that are acknowledged without a gap, while batches come back in
/// any order.
package struct AcknowledgedPrefix: Hashable, Sendable {
    /// Every row below is acknowledged.
    package private(set) var rows: Int
    /// Acknowledged batches beyond a gap: first row to the row after the last.
    private var beyond: [Int: Int] = [:]

    package init(rows: Int = 0) { self.rows = rows }

    /// Batches do not overlap, and none is acknowledged twice.
    package mutating func acknowledge(_ batch: Range<Int>) {
        beyond[batch.lowerBound] = batch.upperBound
        while let end = beyond.removeValue(forKey: rows) { rows = end }
    }
}
