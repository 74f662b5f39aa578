import Apus
import ApusCore
package import Logging

/// Looks at queries as they run, one, several or grouped ones: tells of slow calls with their plan, and
/// of every query's parts to the trace that it belongs to and to the metrics.
package struct QueryWatch: Sendable {
    private let slow: Duration
    private let logger: Logger?
    let stages: SearchStages

    package init(
        slow: Duration = .zero, logger: Logger? = nil, stages: SearchStages = SearchStages()
    ) {
        self.slow = slow
        self.logger = logger
        self.stages = stages
    }

    /// On a search thread, for a call that has waited for it since `start`.
    func answer(
        _ request: QueryRequest, _ collection: Collection, at version: SequenceNumber?,
        since start: ContinuousClock.Instant
    ) throws -> QueryAnswer {
        let answer = try collection.watched(request, at: version)
        look(
            at: [Seen(request, answer.explanation, answer.points.count)], "query", collection, start
        )
        return answer
    }

    /// The queries of a batch run side by side.
    func answers(
        _ requests: [QueryRequest], _ collection: Collection, at version: SequenceNumber?,
        since start: ContinuousClock.Instant
    ) throws -> [QueryAnswer] {
        let answers = try collection.watched(requests, at: version)
        let seen = zip(requests, answers).map { Seen($0, $1.explanation, $1.points.count) }
        look(at: seen, "query_batch", collection, start)
        return answers
    }

    func groups(
        _ request: GroupsRequest, _ collection: Collection, at version: SequenceNumber?,
        since start: ContinuousClock.Instant
    ) throws -> [PointGroup] {
        let answer = try collection.watched(request, at: version)
        look(
            at: [Seen(request.query, answer.explanation, answer.groups.count)], "query_groups",
            collection, start)
        return answer.groups
    }

    /// One query of a call, and what was done for it.
    private struct Seen {
        var request: QueryRequest
        var explanation: QueryExplanation
        var foundCount: Int

        init?(_ request: QueryRequest, _ explanation: QueryExplanation?, _ foundCount: Int) {
            guard let explanation else { return nil }
            self.request = request
            self.explanation = explanation
            self.foundCount = foundCount
        }
    }

    private func look(
        at queries: [Seen?], _ operation: String, _ collection: Collection,
        _ start: ContinuousClock.Instant
    ) {
        let seen = queries.compactMap(\.self)
        guard let longest = seen.max(by: { $0.explanation.duration < $1.explanation.duration })
        else { return }
        let total = ContinuousClock.now - start
        let waited = max(.zero, total - longest.explanation.duration)
        for query in seen { stages.record(query.explanation) }
        stages.queue.record(waited)
        if let span = CallContext.current?.span, span.isRecorded {
            trace(
                operation, seen, collection, span, after: max(.zero, span.age - total),
                waited: waited)
        }
        if slow > .zero, total > slow { tell(operation, seen, longest, collection, total) }
    }

    /// The names of attributes are OpenLLMetry's (opentelemetry-semantic-conventions-ai).
    private func trace(
        _ operation: String, _ seen: [Seen], _ collection: Collection, _ span: CallSpan,
        after before: Duration, waited: Duration
    ) {
        span.set([
            "db.system": "apus", "db.operation": .text(operation),
            "db.collection.name": .text(collection.name),
            "db.vector.query.top_k": .integer(
                Int64(clamping: seen.map(\.request.limit).max() ?? 0)),
            "db.query.result.count": .integer(
                Int64(clamping: seen.reduce(0) { $0 + $1.foundCount })),
        ])
        if operation == "query_batch" { span.set(["apus.queries": .integer(Int64(seen.count))]) }
        span.addPart("queue", after: before, duration: waited)
        for query in seen { trace(query.explanation, span, after: before + waited) }
    }

    private func trace(
        _ explanation: QueryExplanation, _ span: CallSpan, after before: Duration
    ) {
        var offset = before
        for search in explanation.searches {
            let attributes: [String: Span.Value] = [
                "apus.segment": .integer(Int64(clamping: search.segment)),
                "apus.field": .text(search.field),
                "apus.rows": .integer(Int64(search.rowCount)),
            ]
            if let filter = search.filter {
                span.addPart(
                    "filter", after: offset, duration: filter.duration,
                    attributes: attributes.merging([
                        "apus.matches": .integer(Int64(filter.matchCount))
                    ]) { $1 })
                offset += filter.duration
            }
            span.addPart(
                "search", after: offset, duration: search.duration,
                attributes: attributes.merging([
                    "apus.plan": .text(search.chosen.plan),
                    "apus.measured": .integer(Int64(search.measuredCount)),
                    "apus.found": .integer(Int64(search.foundCount)),
                    "apus.shared_by": .integer(Int64(search.sharedBy)),
                ]) { $1 })
            offset += search.duration
        }
        let end = before + explanation.duration
        if end > offset { span.addPart("read", after: offset, duration: end - offset) }
    }

    /// One line for a call, about the query that took longest. No vectors and no payload: what is
    /// looked for is data.
    private func tell(
        _ operation: String, _ seen: [Seen], _ longest: Seen, _ collection: Collection,
        _ total: Duration
    ) {
        let plan = longest.explanation.searches.map { search in
            let filter = search.filter.map { " of \($0.matchCount) matches" } ?? ""
            let sharing = search.sharedBy > 1 ? " shared by \(search.sharedBy) queries" : ""
            return "segment \(search.segment): \(search.chosen.plan) over \(search.rowCount) rows"
                + "\(filter)\(sharing), \(search.measuredCount) measured, \(search.duration.seconds) s"
        }
        let request = longest.request
        logger?.warning(
            "slow search",
            metadata: [
                "operation": "\(operation)", "queries": "\(seen.count)",
                "collection": "\(collection.name)", "seconds": "\(total.seconds)",
                "engine_seconds": "\(longest.explanation.duration.seconds)",
                "limit": "\(request.limit)", "found": "\(longest.foundCount)",
                "filtered": "\(request.filter != nil)", "prefetches": "\(request.prefetch.count)",
                "plan": "\(plan.joined(separator: "; "))",
            ])
    }
}

extension Span.Value: ExpressibleByStringLiteral {
    init(stringLiteral value: String) { self = .text(value) }
}

/// How long the parts of searches took, in seconds.
package final class SearchStages: Sendable {
    /// Until a thread was free.
    let queue = Histogram()
    /// Finding the rows that match a filter, and searching among rows, per segment.
    let filter = Histogram()
    let search = Histogram()
    /// Merging, rescoring across segments, and reading what is answered.
    let read = Histogram()

    package init() {}

    func record(_ explanation: QueryExplanation) {
        var rest = explanation.duration
        for part in explanation.searches {
            if let duration = part.filter?.duration {
                filter.record(duration)
                rest -= duration
            }
            search.record(part.duration)
            rest -= part.duration
        }
        read.record(max(.zero, rest))
    }

    var all: [(name: String, histogram: Histogram)] {
        [("queue", queue), ("filter", filter), ("search", search), ("read", read)]
    }
}
