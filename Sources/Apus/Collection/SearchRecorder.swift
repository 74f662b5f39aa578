internal import ApusCore
internal import ApusIndex
internal import ApusQuery

/// Takes down what the searches of one query did, for whoever watches or explains it.
package final class SearchRecorder {
    package enum Detail: Comparable, Sendable {
        /// What was done, and how long it took.
        case stages
        /// Also the ways that were not chosen.
        case plans
        /// And what comes of every way: each is carried out.
        case outcomes
    }

    let detail: Detail
    private(set) var searches: [SearchExplanation] = []
    /// The filter of the search that is planned.
    private var filter: SearchExplanation.FilterResult?

    init(_ detail: Detail) { self.detail = detail }

    /// `rowsRead`: nil, the answer was remembered.
    func noteFilter(
        matchCount: Int, estimate: Cardinality?, rowsRead: Int?, duration: Duration
    ) {
        filter = SearchExplanation.FilterResult(
            matchCount: matchCount, estimate: estimate,
            source: rowsRead.map { .evaluated(rowsRead: $0) } ?? .remembered, duration: duration)
    }

    /// The filter that was noted last, once.
    func takeFilter() -> SearchExplanation.FilterResult? {
        defer { filter = nil }
        return filter
    }

    func note(_ search: SearchExplanation) { searches.append(search) }

    /// How long searches took that were carried out together with those of other queries.
    var sharedDuration: Duration {
        searches.reduce(.zero) { $0 + ($1.sharedBy > 1 ? $1.duration : .zero) }
    }
}
