import Apus
import ApusCore
package import Logging

/// Looks at searches as they run: tells of slow ones with their plan, and of every one's parts to
/// the trace that it belongs to and to the metrics.
package struct SearchWatch: Sendable {
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

    func answer(
        _ request: QueryRequest, _ collection: Collection, at version: SequenceNumber?
    ) async throws -> QueryAnswer {
        let span = CallContext.current?.span
        let start = ContinuousClock.now
        let before = span?.age ?? .zero
        let answer = try await collection.watched(request, at: version)
        guard let explanation = answer.explanation else { return answer }
        let total = ContinuousClock.now - start
        let waited = max(.zero, total - explanation.duration)
        stages.record(explanation, waited: waited)
        if let span, span.isRecorded {
            trace(request, collection, answer, explanation, span, after: before, waited: waited)
        }
        if slow > .zero, total > slow { tell(request, collection, answer, explanation, total) }
        return answer
    }

    /// The names of attributes are OpenLLMetry's (opentelemetry-semantic-conventions-ai).
    private func trace(
        _ request: QueryRequest, _ collection: Collection, _ answer: QueryAnswer,
        _ explanation: QueryExplanation, _ span: CallSpan, after before: Duration, waited: Duration
    ) {
        span.set([
            "db.system": "apus", "db.operation": "query",
            "db.collection.name": .text(collection.name),
            "db.vector.query.top_k": .integer(Int64(request.limit)),
            "db.query.result.count": .integer(Int64(answer.points.count)),
        ])
        span.addPart("queue", after: before, duration: waited)
        var offset = before + waited
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
                ]) { $1 })
            offset += search.duration
        }
        let end = before + waited + explanation.duration
        if end > offset { span.addPart("read", after: offset, duration: end - offset) }
    }

    /// No vectors and no payload: what is looked for is data.
    private func tell(
        _ request: QueryRequest, _ collection: Collection, _ answer: QueryAnswer,
        _ explanation: QueryExplanation, _ total: Duration
    ) {
        let plan = explanation.searches.map { search in
            let filter = search.filter.map { " of \($0.matchCount) matches" } ?? ""
            return "segment \(search.segment): \(search.chosen.plan) over \(search.rowCount) rows"
                + "\(filter), \(search.measuredCount) measured, \(search.duration.seconds) s"
        }
        logger?.warning(
            "slow search",
            metadata: [
                "collection": "\(collection.name)", "seconds": "\(total.seconds)",
                "engine_seconds": "\(explanation.duration.seconds)",
                "limit": "\(request.limit)", "found": "\(answer.points.count)",
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

    func record(_ explanation: QueryExplanation, waited: Duration) {
        queue.record(waited)
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
