package import ApusIndex

/// Whether to find the rows of a filter before a search, or to ask it of what was found.
extension Planner {
    /// Nanoseconds of reading a payload and asking it, of rows in their order, and of one alone: files
    /// have payloads in blocks.
    static let payloadCost = (inOrder: 250.0, alone: 6_000.0)
    /// Of uniting the lists of an index, by rows of the segment: a bit of a word each.
    private static let indexCost = 0.3
    /// How many times as many rows as should be enough are looked at.
    static let surplus = 1.5
    /// Filters that hold for fewer rows than that are not asked of answers: it would take too many.
    private static let shareMin = 0.01
    /// What takes less than a millisecond to find, is found.
    private static let findingMin = 1_000_000.0

    /// How a filter is carried out whose rows are not known: nil, they are found first, and
    /// `plan(_:_:_:)` decides with their number.
    ///
    /// Who finds the rows, has them for the next time. So what that costs counts less with each time
    /// that it was put off, and at the end no more than twice the better of the two was spent (Karlin,
    /// Manasse, Rudolph, Sleator: "Competitive snoopy caching", 1988: to rent or to buy).
    ///
    /// - Parameters:
    ///   - segment: with the number of rows that are expected to match.
    ///   - askedCount: how often the filter was asked of the segment, now included.
    package static func planBeforeFilter(
        _ segment: SegmentStatistics, _ estimate: FilterEstimate, askedCount: Int,
        _ settings: SearchSettings, _ costs: CostModel = .typical
    ) -> Plan? {
        let evaluation = evaluationCost(estimate, rowCount: segment.rowCount)
        guard evaluation >= findingMin, !settings.exact, segment.listCount == nil, settings.m > 0,
            segment.indexedCount > 0, segment.share >= shareMin
        else { return nil }
        if let scanned = settings.fullScanByteCount, !settings.indexedOnly,
            (segment.matchCount ?? 0) <= scanned / max(1, segment.vectorByteCount)
        {
            return nil
        }
        var deeper = settings
        deeper.limit = depth(max(1, settings.limit), segment)
        guard let list = candidateList(segment, deeper) else { return nil }
        let candidates = Int(
            min(Double(deeper.limit) * surplus + Double(settings.limit), Double(Int32.max)))
        var plan = Plan.graphThenFilter(
            ef: max(list, candidates), candidates: candidates, scanTail: !settings.indexedOnly)
        if let most = settings.nanosecondsMax, cost(of: plan, segment, settings, costs) > most {
            plan = shortened(plan, to: most, segment, settings, costs) ?? plan
        }
        guard let other = options(segment, settings, costs).map(\.cost).min() else { return nil }
        let finding = evaluation / Double(max(1, askedCount))
        return cost(of: plan, segment, settings, costs) < finding + other ? plan : nil
    }

    /// Nanoseconds of finding the rows of a filter.
    static func evaluationCost(_ estimate: FilterEstimate, rowCount: Int) -> Double {
        Double(rowCount) * indexCost
            + min(
                estimate.rowsToRead * payloadCost.alone, Double(rowCount) * payloadCost.inOrder)
    }
}
