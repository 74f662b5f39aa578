/// A point as an answer carries it.
public struct Record: Hashable, Sendable {
    public var id: PointID
    /// nil when the request did not ask for payload.
    public var payload: Payload?
    /// nil when the request did not ask for vectors.
    public var vectors: [String: Vector]?
    public var orderValue: OrderValue?

    public init(
        id: PointID, payload: Payload? = nil, vectors: [String: Vector]? = nil,
        orderValue: OrderValue? = nil
    ) {
        self.id = id
        self.payload = payload
        self.vectors = vectors
        self.orderValue = orderValue
    }
}

/// The value that a point was ordered by.
public enum OrderValue: Hashable, Sendable {
    case integer(Int64)
    case double(Double)
}

/// A point found by a search.
public struct ScoredPoint: Hashable, Sendable {
    public var id: PointID
    /// In the metric's own terms: see `Metric`. 0 for a query without a ranking.
    public var score: Float
    /// The batch that wrote this version of the point.
    public var version: SequenceNumber
    public var payload: Payload?
    public var vectors: [String: Vector]?
    public var orderValue: OrderValue?

    public init(
        id: PointID, score: Float, version: SequenceNumber, payload: Payload? = nil,
        vectors: [String: Vector]? = nil, orderValue: OrderValue? = nil
    ) {
        self.id = id
        self.score = score
        self.version = version
        self.payload = payload
        self.vectors = vectors
        self.orderValue = orderValue
    }
}

/// What a query finds, and what it says about itself.
public struct QueryAnswer: Hashable, Sendable {
    /// Best first.
    public var points: [ScoredPoint]
    /// The share of the true best points that is among them, in the mean over such queries: 1 for an
    /// exact search; nil when nothing was measured that tells, as for points just written.
    public var recallExpected: Double?
    /// The version of the collection that was read.
    public var version: SequenceNumber
    /// What was done to find them; only of a query that was to be explained.
    public var explanation: QueryExplanation?

    public init(points: [ScoredPoint], recallExpected: Double?, version: SequenceNumber) {
        self.points = points
        self.recallExpected = recallExpected
        self.version = version
    }
}

/// What a grouped query finds, with what was done to find it.
public struct GroupsAnswer: Hashable, Sendable {
    /// Best first.
    public var groups: [PointGroup]
    public var explanation: QueryExplanation

    public init(groups: [PointGroup], explanation: QueryExplanation) {
        self.groups = groups
        self.explanation = explanation
    }
}

/// The value that the points of a group share.
public enum GroupID: Hashable, Sendable {
    case string(String)
    case integer(Int64)
    case unsigned(UInt64)
}

public struct PointGroup: Hashable, Sendable {
    public var id: GroupID
    /// Best first.
    public var hits: [ScoredPoint]
    public var lookup: Record?

    public init(id: GroupID, hits: [ScoredPoint], lookup: Record? = nil) {
        self.id = id
        self.hits = hits
        self.lookup = lookup
    }
}

/// One page of a scroll.
public struct ScrollPage: Hashable, Sendable {
    public var points: [Record]
    /// The first id that this page did not return; nil at the end.
    public var nextOffset: PointID?
    /// The last batch that the page shows.
    public var version: SequenceNumber

    public init(points: [Record], nextOffset: PointID?, version: SequenceNumber) {
        self.points = points
        self.nextOffset = nextOffset
        self.version = version
    }
}
