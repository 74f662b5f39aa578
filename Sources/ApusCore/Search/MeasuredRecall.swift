/// The recall of a collection's searches, as far as it was measured.
public struct MeasuredRecall: Hashable, Sendable {
    /// The neighbours that `expected` is about.
    public static let limit = 10

    /// Recall@10 to expect of searches without filter that ask for nothing special, by dense vector
    /// field: from the recall curves of segment files, 1 for what is scanned. Fields of which nothing
    /// was measured, or that have no points, are not in it.
    public var expected: [String: Double]
    /// Of searches of late that were checked; nil: none was.
    public var observed: ObservedRecall?

    public init(expected: [String: Double] = [:], observed: ObservedRecall? = nil) {
        self.expected = expected
        self.observed = observed
    }
}

/// What share of the true neighbours a collection's searches really found, of those that were done a
/// second time, exactly, to know.
public struct ObservedRecall: Hashable, Sendable {
    /// Searches that were checked since the collection was opened.
    public var checkedCount: Int
    /// The mean over the last of them, up to `windowCount`.
    public var mean: Double
    /// What 95 % and 99 % of these found at least.
    public var p5: Double
    public var p1: Double

    /// Searches that the mean and the percentiles are of, at most.
    public static let windowCount = 1000

    package init(checkedCount: Int, mean: Double, p5: Double, p1: Double) {
        self.checkedCount = checkedCount
        self.mean = mean
        self.p5 = p5
        self.p1 = p1
    }
}
