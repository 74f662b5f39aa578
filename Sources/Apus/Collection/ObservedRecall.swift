public import ApusCore

extension ObservedRecall {
    /// nil: none was checked.
    init?(_ window: [Double], checkedCount: Int) {
        guard !window.isEmpty else { return nil }
        let sorted = window.sorted()
        self.init(
            checkedCount: checkedCount, mean: window.reduce(0, +) / Double(window.count),
            p5: sorted[(window.count - 1) * 5 / 100], p1: sorted[(window.count - 1) / 100])
    }
}

/// How searches of the collections are checked, and who is told.
public struct RecallObservation: Sendable {
    /// The share of searches for nearest neighbours that is done again by a scan, on an index thread,
    /// one at a time. 0: none.
    public var share: Double
    /// The share of one processor that this may take, all collections together: a check is left out
    /// while those before it have used it up.
    public var processorShare: Double
    /// Below this mean, `onLowRecall` is told.
    public var target: Double
    /// Told once when the mean of a collection's searches sinks below the target, and again only
    /// after it had risen. Called on an index thread.
    public var onLowRecall: (@Sendable (_ collection: String, ObservedRecall) -> Void)?

    public init(share: Double = 0.01, processorShare: Double = 0.01, target: Double = 0.9) {
        self.share = share
        self.processorShare = processorShare
        self.target = target
    }
}
