/// What searches did, counted, for those who want to know why they took as long as they did.
///
/// One thread at a time.
package final class SearchTally {
    /// Rows whose distance was computed, by codes where there are any.
    package private(set) var measuredCount = 0
    /// Of these, rows that were measured by their vectors after codes had found them.
    package private(set) var rescoredCount = 0

    package init() {}

    func add(measured: Int, rescored: Int = 0) {
        measuredCount += measured
        rescoredCount += rescored
    }
}
