/// A search: what to look for, among which points, and what to return.
public struct QueryRequest: Hashable, Sendable {
    /// Sub-searches whose results are the candidates that `query` ranks; nested to any depth.
    public var prefetch: [Prefetch]
    /// nil: points in id order, without a score.
    public var query: Query?
    /// The vector field; nil: the unnamed one.
    public var using: String?
    public var filter: Filter?
    public var parameters: SearchParameters
    public var scoreThreshold: Float?
    public var limit: Int
    public var offset: Int
    public var withPayload: PayloadSelector
    public var withVectors: VectorSelector
    /// Where vectors of points that the query names by id are taken from; nil: this collection.
    public var lookupFrom: LookupLocation?
    /// What it may cost, prefetches included.
    public var budget: QueryBudget

    public init(
        query: Query? = nil,
        prefetch: [Prefetch] = [],
        using: String? = nil,
        filter: Filter? = nil,
        parameters: SearchParameters = SearchParameters(),
        scoreThreshold: Float? = nil,
        limit: Int = 10,
        offset: Int = 0,
        withPayload: PayloadSelector = .none,
        withVectors: VectorSelector = .none,
        lookupFrom: LookupLocation? = nil,
        budget: QueryBudget = QueryBudget()
    ) {
        self.query = query
        self.prefetch = prefetch
        self.using = using
        self.filter = filter
        self.parameters = parameters
        self.scoreThreshold = scoreThreshold
        self.limit = limit
        self.offset = offset
        self.withPayload = withPayload
        self.withVectors = withVectors
        self.lookupFrom = lookupFrom
        self.budget = budget
    }

    /// The `limit` nearest neighbours of a dense vector.
    public init(nearest vector: [Float], limit: Int = 10, filter: Filter? = nil) {
        self.init(query: .nearest(.vector(.dense(vector))), filter: filter, limit: limit)
    }
}

/// How candidates are ranked.
public enum Query: Hashable, Sendable {
    case nearest(VectorInput)
    /// The nearest, thinned of points that are like one another. Scores are the nearest ones'.
    case diverse(VectorInput, MarginalRelevance)
    case fusion(Fusion)
    case recommend(positive: [VectorInput], negative: [VectorInput], RecommendStrategy)
    /// Points are ranked by how many of the preferences they share, and those alike by their
    /// similarity to the target.
    case discover(target: VectorInput, [ContextPair])
    /// Points where the preferences hold, whose score is 0; others by how far they miss them.
    case context([ContextPair])
    case relevanceFeedback(target: VectorInput, [FeedbackItem], FeedbackWeights)
    /// Candidates of prefetches, by a score of their own.
    case formula(Formula)
    case orderBy(OrderBy)
    case sampleRandom
}

/// A vector, or the point whose vector is meant.
public enum VectorInput: Hashable, Sendable {
    case vector(Vector)
    case id(PointID)
}

/// Merges several rankings into one.
public enum Fusion: Hashable, Sendable {
    /// Reciprocal rank fusion: the sum of `1 / (k + rank)` with ranks from 0; a ranking with
    /// weight w counts `1 / ((rank + 1) / w + k - 1)`.
    case reciprocalRank(k: Int, weights: [Float])
    /// Distribution-based score fusion: scores are normalised by mean ± 3σ and summed.
    case distributionBased

    /// RRF as the wire API means it when nothing is said: k = 2, no weights.
    public static let reciprocalRank = Fusion.reciprocalRank(k: 2, weights: [])
}

public enum RecommendStrategy: String, Hashable, Sendable {
    case averageVector
    case bestScore
    case sumScores
}

public struct OrderBy: Hashable, Sendable {
    public enum Direction: Hashable, Sendable { case ascending, descending }
    public enum Start: Hashable, Sendable {
        case number(Double)
        case time(Timestamp)
    }

    public var key: PayloadPath
    public var direction: Direction
    public var startFrom: Start?

    public init(
        key: PayloadPath, direction: Direction = .ascending, startFrom: Start? = nil
    ) {
        self.key = key
        self.direction = direction
        self.startFrom = startFrom
    }
}

/// A sub-search of a `QueryRequest`.
public struct Prefetch: Hashable, Sendable {
    public var prefetch: [Prefetch]
    public var query: Query?
    public var using: String?
    public var filter: Filter?
    public var parameters: SearchParameters
    public var scoreThreshold: Float?
    public var limit: Int
    public var lookupFrom: LookupLocation?

    public init(
        query: Query? = nil, prefetch: [Prefetch] = [], using: String? = nil,
        filter: Filter? = nil, parameters: SearchParameters = SearchParameters(),
        scoreThreshold: Float? = nil, limit: Int = 10, lookupFrom: LookupLocation? = nil
    ) {
        self.query = query
        self.prefetch = prefetch
        self.using = using
        self.filter = filter
        self.parameters = parameters
        self.scoreThreshold = scoreThreshold
        self.limit = limit
        self.lookupFrom = lookupFrom
    }
}

public struct SearchParameters: Hashable, Sendable {
    /// Size of the candidate list (the paper's ef); nil: the engine's default. Never below the
    /// limit.
    public var ef: Int?
    /// Compare with every vector instead of walking the graph.
    public var exact: Bool
    /// Leave out points that are not in the graph yet.
    public var indexedOnly: Bool
    /// Walk the graph by the vectors themselves, not by their codes.
    public var ignoresCodes: Bool
    /// Candidates that the vectors themselves are compared for, at most, as a multiple of the
    /// limit, at least 1; nil: as many as it takes.
    public var oversampling: Double?
    /// Order what codes found by the vectors; otherwise scores are estimates by the codes. Not
    /// false together with `targetRecall`.
    public var rescores: Bool
    /// The share of the true nearest points that shall be found, above 0 and at most 1: the
    /// candidate list is chosen by what searches were measured to find. Not together with `ef`.
    public var targetRecall: Double?
    /// Lists of an IVF index to look into; nil: the engine's default. Not together with
    /// `targetRecall`.
    public var probes: Int?

    public init(
        ef: Int? = nil, exact: Bool = false, indexedOnly: Bool = false,
        ignoresCodes: Bool = false, oversampling: Double? = nil, rescores: Bool = true,
        targetRecall: Double? = nil, probes: Int? = nil
    ) {
        self.rescores = rescores
        self.probes = probes
        self.targetRecall = targetRecall
        self.ef = ef
        self.exact = exact
        self.indexedOnly = indexedOnly
        self.ignoresCodes = ignoresCodes
        self.oversampling = oversampling
    }

    /// Throws when a value is outside its range, or contradicts another.
    package func validate() throws(DatabaseError) {
        guard let targetRecall else { return }
        guard targetRecall > 0, targetRecall <= 1 else {
            throw DatabaseError(
                .validation,
                "Validation error: params.target_recall is \(targetRecall), must be above 0 and at "
                    + "most 1")
        }
        for (name, value) in [("hnsw_ef", ef), ("ivf_probes", probes)] where value != nil {
            throw DatabaseError(
                .validation,
                "Validation error: params.target_recall and params.\(name) exclude each other")
        }
        guard rescores else {
            throw DatabaseError(
                .validation,
                "Validation error: params.target_recall needs params.quantization.rescore")
        }
    }

    /// The least candidate list for a search for `limit` points: `oversampling` times as many.
    package func candidatesMin(limit: Int) -> Int {
        guard let oversampling, oversampling.isFinite, oversampling > 1 else { return limit }
        return max(limit, Int(min(Double(limit) * oversampling, Double(Int32.max))))
    }
}

/// Another collection (and vector field) that ids are looked up in.
public struct LookupLocation: Hashable, Sendable {
    public var collection: String
    public var vector: String?

    public init(collection: String, vector: String? = nil) {
        self.collection = collection
        self.vector = vector
    }
}

/// Which part of the payload an answer carries.
public enum PayloadSelector: Hashable, Sendable {
    case none
    case all
    case include([PayloadPath])
    case exclude([PayloadPath])
}

/// Which vectors an answer carries.
public enum VectorSelector: Hashable, Sendable {
    case none
    case all
    case named([String])
}

/// A search whose results are grouped by the values of a payload field.
public struct GroupsRequest: Hashable, Sendable {
    /// `limit` counts groups; `offset` is not used.
    public var query: QueryRequest
    public var groupBy: PayloadPath
    /// Points per group at most.
    public var groupSize: Int
    public var withLookup: GroupLookup?

    public init(
        query: QueryRequest, groupBy: PayloadPath, groupSize: Int = 3,
        withLookup: GroupLookup? = nil
    ) {
        self.query = query
        self.groupBy = groupBy
        self.groupSize = groupSize
        self.withLookup = withLookup
    }

    /// Adds to each group the point of another collection whose id is the group's value.
    public struct GroupLookup: Hashable, Sendable {
        public var collection: String
        public var withPayload: PayloadSelector
        public var withVectors: VectorSelector

        public init(
            collection: String, withPayload: PayloadSelector = .all,
            withVectors: VectorSelector = .none
        ) {
            self.collection = collection
            self.withPayload = withPayload
            self.withVectors = withVectors
        }
    }
}

/// A walk over all points that match, in id order or by a payload field.
public struct ScrollRequest: Hashable, Sendable {
    /// The first id to return; nil: from the start.
    public var offset: PointID?
    public var limit: Int
    public var filter: Filter?
    public var withPayload: PayloadSelector
    public var withVectors: VectorSelector
    public var orderBy: OrderBy?
    /// What the page shows. A walk that pins a version with its first page, and names it with the
    /// others, sees one version from start to end.
    public var version: ReadVersion

    public init(
        offset: PointID? = nil, limit: Int = 10, filter: Filter? = nil,
        withPayload: PayloadSelector = .all, withVectors: VectorSelector = .none,
        orderBy: OrderBy? = nil, version: ReadVersion = .latest
    ) {
        self.offset = offset
        self.limit = limit
        self.filter = filter
        self.withPayload = withPayload
        self.withVectors = withVectors
        self.orderBy = orderBy
        self.version = version
    }
}
