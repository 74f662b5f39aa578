// How a search ranks its candidates.

package import ApusCore
package import ApusProto

extension Query {
    package init(_ message: Qdrant_Query) throws(DatabaseError) {
        switch message.variant {
        case .nearest(let input): self = .nearest(try VectorInput(input))
        case .recommend(let input): self = try Self.recommend(input)
        case .orderBy(let order): self = .orderBy(try OrderBy(order))
        case .fusion(.rrf): self = .fusion(.reciprocalRank)
        case .fusion(.dbsf): self = .fusion(.distributionBased)
        case .fusion(.UNRECOGNIZED(let value)):
            throw .wrongInput("There is no fusion with the number \(value)")
        case .rrf(let rrf):
            let k = rrf.hasK ? Int(rrf.k) : 2
            try requireAtLeastOne(k, "rrf.k")
            self = .fusion(.reciprocalRank(k: k, weights: rrf.weights))
        case .sample: self = .sampleRandom
        case .discover(let input):
            self = .discover(
                target: try VectorInput(input.target), try ContextPair.pairs(input.context))
        case .context(let input): self = .context(try ContextPair.pairs(input))
        case .formula(let formula): self = .formula(try Formula(formula))
        case .nearestWithMmr(let input):
            self = .diverse(try VectorInput(input.nearest), MarginalRelevance(input.mmr))
        case .relevanceFeedback(let input): self = try Self.relevanceFeedback(input)
        case nil: throw .wrongInput("The query says nothing")
        }
    }

    private static func recommend(
        _ message: Qdrant_RecommendInput
    ) throws(DatabaseError) -> Query {
        .recommend(
            positive: try VectorInput.inputs(message.positive),
            negative: try VectorInput.inputs(message.negative),
            try RecommendStrategy(message.strategy))
    }

    private static func relevanceFeedback(
        _ message: Qdrant_RelevanceFeedbackInput
    ) throws(DatabaseError) -> Query {
        let feedback = try message.feedback.map { item throws(DatabaseError) in
            FeedbackItem(example: try VectorInput(item.example), score: item.score)
        }
        guard case .naive(let naive)? = message.strategy.variant else {
            throw .wrongInput("relevance_feedback has no strategy")
        }
        guard naive.b >= 0 else {
            throw DatabaseError(
                .validation,
                "Validation error in body: [strategy.naive.b: value \(naive.b) invalid, must be "
                    + "0.0 or larger]")
        }
        return .relevanceFeedback(
            target: try VectorInput(message.target), feedback,
            FeedbackWeights(a: naive.a, b: naive.b, c: naive.c))
    }
}

extension ContextPair {
    fileprivate static func pairs(
        _ message: Qdrant_ContextInput
    ) throws(DatabaseError) -> [ContextPair] {
        try message.pairs.map { pair throws(DatabaseError) in
            ContextPair(
                positive: try VectorInput(pair.positive), negative: try VectorInput(pair.negative))
        }
    }
}

extension MarginalRelevance {
    fileprivate init(_ message: Qdrant_Mmr) {
        self.init(
            diversity: message.hasDiversity ? message.diversity : 0.5,
            candidatesLimit: message.hasCandidatesLimit ? Int(message.candidatesLimit) : nil)
    }
}

extension VectorInput {
    fileprivate static func inputs(
        _ messages: [Qdrant_VectorInput]
    ) throws(DatabaseError) -> [VectorInput] {
        try messages.map { message throws(DatabaseError) in try VectorInput(message) }
    }
}

extension RecommendStrategy {
    package init(_ message: Qdrant_RecommendStrategy) throws(DatabaseError) {
        switch message {
        case .averageVector: self = .averageVector
        case .bestScore: self = .bestScore
        case .sumScores: self = .sumScores
        case .UNRECOGNIZED(let value):
            throw .wrongInput("There is no recommend strategy with the number \(value)")
        }
    }
}

extension OrderBy {
    package init(_ message: Qdrant_OrderBy) throws(DatabaseError) {
        self.init(
            key: try PayloadPath(text: message.key, field: "order_by"),
            direction: message.hasDirection && message.direction == .desc
                ? .descending : .ascending,
            startFrom: message.hasStartFrom ? try Start(message.startFrom) : nil)
    }
}

extension OrderBy.Start {
    fileprivate init?(_ message: Qdrant_StartFrom) throws(DatabaseError) {
        switch message.value {
        case .float(let value): self = .number(value)
        case .integer(let value): self = .number(Double(value))
        case .timestamp(let value): self = .time(try Timestamp(value))
        case .datetime(let text):
            guard let time = Timestamp(rfc3339: text) else {
                throw .wrongInput("order_by starts from '\(text)', which is no RFC 3339 time")
            }
            self = .time(time)
        case nil: return nil
        }
    }
}

extension SearchParameters {
    /// How compressed vectors are used, and ACORN, are hints that change no result's meaning; they
    /// are accepted and have no effect.
    package init(_ message: Qdrant_SearchParams) throws(DatabaseError) {
        if message.hasIdf, message.idf.hasCorpus {
            throw DatabaseError(
                .unimplemented,
                "Document frequencies over a part of the points (params.idf.corpus)"
                    + " are not supported yet")
        }
        self.init(
            ef: message.hasHnswEf ? Int(count: message.hnswEf) : nil,
            exact: message.exact,
            indexedOnly: message.indexedOnly,
            ignoresCodes: message.quantization.ignore,
            oversampling: message.quantization.hasOversampling
                ? message.quantization.oversampling : nil,
            rescores: !message.quantization.hasRescore || message.quantization.rescore)
    }
}

extension LookupLocation {
    package init(_ message: Qdrant_LookupLocation) {
        self.init(
            collection: message.collectionName,
            vector: message.hasVectorName ? message.vectorName : nil)
    }
}
