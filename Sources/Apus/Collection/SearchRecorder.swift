internal import ApusCore
internal import ApusIndex
internal import ApusQuery

/// Takes down what the searches of one query did, for a query that is to be explained.
package final class SearchRecorder {
    /// Every way to search is carried out, also those that are not chosen.
    let comparesPlans: Bool
    private(set) var searches: [SearchExplanation] = []
    /// The filter of the search under way.
    private var filter: SearchExplanation.FilterResult?

    init(comparesPlans: Bool = false) { self.comparesPlans = comparesPlans }

    /// `rowsRead`: nil, the answer was remembered.
    func noteFilter(matchCount: Int, rowsRead: Int?, duration: Duration) {
        filter = SearchExplanation.FilterResult(
            matchCount: matchCount,
            source: rowsRead.map { .evaluated(rowsRead: $0) } ?? .remembered, duration: duration)
    }

    func noteSearch(
        field: String, segment: UInt64, _ statistics: SegmentStatistics, _ plan: Plan,
        among options: [PlanOption], outcomes: [Plan: SearchExplanation.Outcome],
        recallExpected: Double?, watch: SearchWatch, foundCount: Int,
        duration: Duration
    ) {
        let others = options.filter { $0.plan != plan }.sorted { $0.cost < $1.cost }
        searches.append(
            SearchExplanation(
                field: field, segment: segment, rowCount: statistics.rowCount,
                indexedCount: statistics.indexedCount, filter: filter,
                chosen: SearchExplanation.Option(
                    plan: plan.description,
                    cost: options.first { $0.plan == plan }?.cost ?? 0, outcome: outcomes[plan]),
                others: others.map {
                    SearchExplanation.Option(
                        plan: $0.plan.description, cost: $0.cost, outcome: outcomes[$0.plan])
                },
                recallExpected: recallExpected, measuredCount: watch.measuredCount,
                rescoredCount: watch.rescoredCount, foundCount: foundCount, duration: duration))
        filter = nil
    }
}
