package import ApusCore

/// What a query did, as JSON; docs/protocol.md names the members. Times are in seconds.
extension JSONWriter {
    package mutating func write(_ explanation: QueryExplanation) {
        beginObject()
        member("seconds", explanation.duration.inSeconds)
        key("searches")
        array(explanation.searches) { $0.write($1) }
        endObject()
    }

    fileprivate mutating func writeMembers(of answer: QueryAnswer) {
        key("points")
        array(answer.points) { $0.write($1) }
        key("recall_expected")
        if let recall = answer.recallExpected { write(recall) } else { writeNull() }
        key("version")
        write(answer.version.rawValue)
    }

    private mutating func write(_ search: SearchExplanation) {
        beginObject()
        member("vector", search.field)
        key("segment")
        write(search.segment)
        member("rows", search.rowCount)
        member("indexed_rows", search.indexedCount)
        key("filter")
        if let filter = search.filter { write(filter) } else { writeNull() }
        key("plan")
        write(search.chosen)
        key("others")
        array(search.others) { $0.write($1) }
        key("recall_expected")
        if let recall = search.recallExpected { write(recall) } else { writeNull() }
        member("measured", search.measuredCount)
        member("rescored", search.rescoredCount)
        member("found", search.foundCount)
        member("planning_seconds", search.planning.inSeconds)
        member("seconds", search.duration.inSeconds)
        endObject()
    }

    private mutating func write(_ filter: SearchExplanation.FilterResult) {
        beginObject()
        member("matching_rows", filter.matchCount)
        switch filter.source {
        case .remembered: member("source", "remembered")
        case .evaluated(let rowsRead):
            member("source", "evaluated")
            member("rows_read", rowsRead)
        case .askedOfAnswers(let rowsRead):
            member("source", "asked_of_answers")
            member("rows_read", rowsRead)
        }
        if let estimate = filter.estimate {
            key("estimated")
            beginObject()
            member("min", estimate.min)
            member("expected", estimate.expected)
            member("max", estimate.max)
            endObject()
        }
        member("seconds", filter.duration.inSeconds)
        endObject()
    }

    private mutating func write(_ option: SearchExplanation.Option) {
        beginObject()
        member("plan", option.plan)
        member("cost", option.cost)
        if let outcome = option.outcome {
            member("measured", outcome.measuredCount)
            member("recall", outcome.recall)
            member("seconds", outcome.duration.inSeconds)
        }
        endObject()
    }
}

extension Duration {
    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}

extension ResponseEncoder {
    /// The points of a query, with what the answer says about itself.
    package static func queryAnswer(_ answer: QueryAnswer, seconds: Double) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.writeMembers(of: answer)
            $0.endObject()
        }
    }

    /// A version, in an object of its own.
    package static func version(_ version: SequenceNumber, seconds: Double) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.key("version")
            $0.write(version.rawValue)
            $0.endObject()
        }
    }

    /// The points of a query, and what was done to find them.
    package static func explainedQueryResult(
        _ answer: QueryAnswer, seconds: Double
    ) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.writeMembers(of: answer)
            $0.key("explanation")
            if let explanation = answer.explanation {
                $0.write(explanation)
            } else {
                $0.writeNull()
            }
            $0.endObject()
        }
    }
}

extension RequestDecoder {
    /// The same for bytes that somebody keeps.
    package static func query(_ body: [UInt8]) throws(DatabaseError) -> QueryRequest {
        // Bytes have no padding, which is why a view of other elements as bytes is unsafe.
        try query(unsafe body.span.bytes)
    }
}
