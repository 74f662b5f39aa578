/// How many points have each value of a payload field.
public struct FacetRequest: Hashable, Sendable {
    public var key: PayloadPath
    public var filter: Filter?
    /// Values at most, those with the most points first.
    public var limit: Int
    /// Counts are always exact; what it says is kept for callers that ask.
    public var exact: Bool

    public init(key: PayloadPath, filter: Filter? = nil, limit: Int = 10, exact: Bool = false) {
        self.key = key
        self.filter = filter
        self.limit = limit
        self.exact = exact
    }
}

/// A payload value that points are counted by; values of other kinds have no facets.
public enum FacetValue: Hashable, Sendable {
    case bool(Bool)
    case integer(Int64)
    case string(String)
}

public struct FacetHit: Hashable, Sendable {
    public var value: FacetValue
    /// Points, each once, however often it has the value.
    public var count: Int

    public init(value: FacetValue, count: Int) {
        self.value = value
        self.count = count
    }
}

extension FacetValue: Comparable {
    /// By kind, then by value; strings by their bytes.
    public static func < (left: FacetValue, right: FacetValue) -> Bool {
        switch (left, right) {
        case (.bool(let a), .bool(let b)): !a && b
        case (.integer(let a), .integer(let b)): a < b
        case (.string(let a), .string(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
        case (.bool, .integer), (.bool, .string), (.integer, .string): true
        case (.integer, .bool), (.string, .bool), (.string, .integer): false
        }
    }
}

/// The nearest neighbours of each of some points among these points.
public struct MatrixRequest: Hashable, Sendable {
    public var filter: Filter?
    /// Points to draw at random, at least 2.
    public var sample: Int
    /// Neighbours of each point, at least 1.
    public var limit: Int
    /// The vector field; nil: the unnamed one.
    public var using: String?

    public init(filter: Filter? = nil, sample: Int = 10, limit: Int = 3, using: String? = nil) {
        self.filter = filter
        self.sample = sample
        self.limit = limit
        self.using = using
    }
}

/// A sparse square matrix of scores among points.
public struct DistanceMatrix: Hashable, Sendable {
    /// One score of a row.
    public struct Entry: Hashable, Sendable {
        /// An index into `ids`.
        public var column: Int
        public var score: Float

        public init(column: Int, score: Float) {
            self.column = column
            self.score = score
        }
    }

    /// Ascending.
    public var ids: [PointID]
    /// For each of `ids` its neighbours among them, best first; never itself.
    public var rows: [[Entry]]

    public init(ids: [PointID] = [], rows: [[Entry]] = []) {
        self.ids = ids
        self.rows = rows
    }
}
