internal import ApusIndex

/// What lists of an IVF index cost, and how many it takes.
extension Planner {
    /// Of a row by its product code, beside one by its vector.
    private static let productCodeShare = 0.05
    /// How many times cheaper than a scan lists have to be under a filter: how many it takes there is
    /// concluded from how many it takes without one.
    static let listDoubt = 3.0

    static func listCandidates(
        _ segment: SegmentStatistics, _ settings: SearchSettings
    ) -> Int {
        min(
            max(IVFIndex.candidates(k: settings.limit), settings.limit), max(1, segment.rowCount))
    }

    static func listCost(
        _ probes: Int, _ candidates: Int, _ segment: SegmentStatistics, _ costs: CostModel
    ) -> Double {
        let listCount = max(1, segment.listCount ?? 1)
        let looked =
            Double(probes) / Double(listCount) * Double(segment.rowCount * segment.listsPerRow)
        let row = costs.sequential(bytes: segment.vectorByteCount)
        return Double(listCount) * row / 2 + looked * productCodeShare * row
            + Double(candidates)
            * costs.walkedRow(bytes: segment.vectorByteCount, of: segment.rowCount)
    }

    /// nil: no number that was measured finds enough, or nothing was measured, as in small segments.
    static func probes(
        _ listCount: Int, _ segment: SegmentStatistics, _ settings: SearchSettings
    ) -> Int? {
        if let probes = settings.probes { return min(max(1, probes), listCount) }
        guard let curve = segment.recallCurve else { return nil }
        let found = curve.ef(
            reaching: settings.targetRecall ?? defaultRecall,
            k: depth(max(1, settings.limit), segment))
        return found.map { min($0, listCount) } ?? (settings.targetRecall == nil ? listCount : nil)
    }

    /// How many neighbours hold `limit` that match, where one row in so many does: the nearest of
    /// them lie as far as those.
    static func depth(_ limit: Int, _ segment: SegmentStatistics) -> Int {
        guard let matchCount = segment.matchCount, segment.rowCount > 0 else { return limit }
        let share = Double(max(1, matchCount)) / Double(segment.rowCount)
        return Int(min(Double(limit) / share, Double(Int32.max)))
    }
}
