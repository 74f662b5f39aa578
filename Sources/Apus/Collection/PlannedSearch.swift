internal import ApusCore
internal import ApusIndex
internal import ApusQuery

/// One segment's part of a search for the nearest vectors: how it is carried out, and why so.
struct PlannedSearch: Sendable {
    /// What came of it, or of a piece of it.
    struct Result: Sendable {
        var found: [Neighbour] = []
        var measuredCount = 0
        var rescoredCount = 0
        /// Of all threads together.
        var duration = Duration.zero

        mutating func add(_ other: Result) {
            found += other.found
            measuredCount += other.measuredCount
            rescoredCount += other.rescoredCount
            duration += other.duration
        }
    }

    /// The segment's place in the view.
    let segment: Int
    let search: DenseSearch
    let statistics: SegmentStatistics
    let settings: SearchSettings
    let costs: CostModel
    let plan: Plan
    let recallExpected: Double?
    /// The filter, if it is asked of what was found only.
    let openFilter: OpenFilter?
    /// What became of the filter.
    var filterResult: SearchExplanation.FilterResult?
    /// Of estimating the filter and of choosing.
    let planning: Duration
    /// What was found beforehand, in one pass over the rows for several queries; nil: nothing.
    var shared: Shared? = nil

    /// A query's share of a pass for several ones.
    struct Shared: Sendable {
        var result: Result
        let queryCount: Int
    }

    /// Nanoseconds that it should take.
    var cost: Double { Planner.cost(of: plan, statistics, settings, costs) }

    func run(
        _ rows: Range<Int>, limit: Int, _ interruption: Interruption?, isTimed: Bool
    ) -> Result {
        let watch =
            interruption == nil && !isTimed ? nil : SearchWatch(interruption: interruption)
        var result = Result()
        let start = isTimed ? ContinuousClock.now : nil
        result.found = search.run(plan, in: rows, limit: limit, watch: watch)
        if let start { result.duration = ContinuousClock.now - start }
        if let watch {
            result.measuredCount = watch.measuredCount
            result.rescoredCount = watch.rescoredCount
        }
        return result
    }

    /// Leaves of what was found past the filter the `limit` nearest that match.
    ///
    /// Returns false when there are not as many.
    mutating func filter(
        _ result: inout Result, limit: Int, _ interruption: Interruption?
    ) throws -> Bool {
        guard let openFilter else { return true }
        let start = ContinuousClock.now
        let (kept, readCount) = try openFilter.matching(
            result.found.sorted(), limit: limit, of: search.segment, interruption)
        result.found = kept
        filterResult = SearchExplanation.FilterResult(
            matchCount: Int(openFilter.estimate.matching.expected.rounded()),
            estimate: openFilter.estimate.matching, source: .askedOfAnswers(rowsRead: readCount),
            duration: ContinuousClock.now - start)
        return kept.count == limit
    }

    /// What it did, for whoever asked.
    func explained(
        field: String, _ result: Result, limit: Int, _ detail: SearchRecorder.Detail,
        _ interruption: Interruption?
    ) throws -> SearchExplanation {
        let options =
            detail == .stages ? [] : Planner.options(statistics, settings, costs)
        let outcomes =
            detail == .outcomes
            ? try search.outcomes(of: options.map(\.plan), limit: limit, interruption: interruption)
            : [:]
        let others = options.filter { $0.plan != plan }.sorted { $0.cost < $1.cost }
        return SearchExplanation(
            field: field, segment: search.segment.number, rowCount: statistics.rowCount,
            indexedCount: statistics.indexedCount, filter: filterResult,
            chosen: SearchExplanation.Option(
                plan: plan.description, cost: cost / 1000, outcome: outcomes[plan]),
            others: others.map { option in
                SearchExplanation.Option(
                    plan: option.plan.description, cost: option.cost / 1000,
                    outcome: outcomes[option.plan])
            },
            recallExpected: recallExpected, measuredCount: result.measuredCount,
            rescoredCount: result.rescoredCount, foundCount: result.found.count,
            planning: planning, duration: result.duration, sharedBy: shared?.queryCount ?? 1)
    }
}

/// Time that is spent on a plan, without what is done in between.
struct PlanningTimer {
    private(set) var duration = Duration.zero
    private var start: ContinuousClock.Instant? = .now

    mutating func pause() {
        if let start { duration += ContinuousClock.now - start }
        start = nil
    }

    mutating func resume() { start = .now }

    /// With what goes on now.
    var elapsed: Duration { duration + (start.map { ContinuousClock.now - $0 } ?? .zero) }
}
