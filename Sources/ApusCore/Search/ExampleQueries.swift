/// A preference of one example over another.
public struct ContextPair: Hashable, Sendable {
    public var positive: VectorInput
    public var negative: VectorInput

    public init(positive: VectorInput, negative: VectorInput) {
        self.positive = positive
        self.negative = negative
    }
}

/// What a reader thought of an earlier result.
public struct FeedbackItem: Hashable, Sendable {
    public var example: VectorInput
    /// The reader's score: higher is better, in whatever units all items share.
    public var score: Float

    public init(example: VectorInput, score: Float) {
        self.example = example
        self.score = score
    }
}

/// How feedback moves scores: with `target` for a point's similarity to the target, a point's score
/// is `a · target`, plus `confidenceᵇ · c · (similarity to the better − to the worse)` for each two
/// items of feedback, where the confidence is by how much their scores differ.
public struct FeedbackWeights: Hashable, Sendable {
    public var a: Float
    public var b: Float
    public var c: Float

    public init(a: Float, b: Float, c: Float) {
        self.a = a
        self.b = b
        self.c = c
    }
}

/// Variety for relevance, by maximal marginal relevance (Carbonell & Goldstein, "The use of MMR,
/// diversity-based reranking for reordering documents and producing summaries", 1998).
public struct MarginalRelevance: Hashable, Sendable {
    /// From 0, relevance only, to 1, variety only; the paper's 1 − λ.
    public var diversity: Float
    /// The nearest points to choose from, 16,384 at most; nil: as many as the answer has.
    public var candidatesLimit: Int?

    public init(diversity: Float = 0.5, candidatesLimit: Int? = nil) {
        self.diversity = diversity
        self.candidatesLimit = candidatesLimit
    }

    /// Throws when a value is outside its range.
    package func validate() throws(DatabaseError) {
        guard diversity >= 0, diversity <= 1 else {
            throw DatabaseError(
                .validation,
                "Validation error: mmr.diversity: value \(diversity) invalid, must be from 0.0 to "
                    + "1.0")
        }
        if let candidatesLimit, !(0...16_384).contains(candidatesLimit) {
            throw DatabaseError(
                .validation,
                "Validation error: mmr.candidates_limit: value \(candidatesLimit) invalid, must be "
                    + "from 0 to 16384")
        }
    }
}
