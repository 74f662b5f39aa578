package import ApusCore

/// Looks on while a search runs: counts what it does, and tells it to stop.
///
/// A search that was told to stop returns what it has found by then, which is of no use: its caller
/// finds `interruption` due too. One thread at a time.
package final class SearchWatch {
    /// Ends the search; nil: nothing does.
    package let interruption: Interruption?
    /// Rows whose distance was computed, by codes where there are any.
    package private(set) var measuredCount = 0
    /// Of these, rows that were measured by their vectors after codes had found them.
    package private(set) var rescoredCount = 0

    package init(interruption: Interruption? = nil) { self.interruption = interruption }

    /// Asked after every block of rows, or so many steps of a walk.
    var stops: Bool { interruption?.isDue ?? false }

    /// Steps of a walk between two questions; each measures up to some ten rows.
    static let stepsBetween = 64

    func add(measured: Int, rescored: Int = 0) {
        measuredCount += measured
        rescoredCount += rescored
    }
}
