package import ApusCore

/// A read of one collection's points: what it needs, and what it does once it may.
///
/// It is a value that neither waits for anything nor knows who asks. `Operations` finds out whether
/// the caller may read, and then carries it out on a search thread.
package struct Read<Value: Sendable>: Sendable {
    /// A collection or an alias.
    let collection: String
    /// Other collections, by the names of which it looks up points.
    let others: Set<String>
    let body: @Sendable (PermittedRead) throws -> Value

    private init(
        _ collection: String, lookingUp others: Set<String> = [],
        _ body: @escaping @Sendable (PermittedRead) throws -> Value
    ) {
        self.collection = collection
        self.others = others
        self.body = body
    }

    /// The same read with something else made of its answer, on the same thread.
    package func map<Other>(_ make: @escaping @Sendable (Value) throws -> Other) -> Read<Other> {
        Read<Other>(collection, lookingUp: others) { [body] in try make(body($0)) }
    }
}

extension Read<QueryAnswer> {
    /// A query, and what its answer says about itself.
    package static func answer(_ request: QueryRequest, in collection: String) -> Self {
        Read(collection, lookingUp: request.otherCollections) { try $0.answer(request) }
    }

    /// The same with what was done to find the points.
    package static func explanation(
        _ request: QueryRequest, comparing: Bool = false, in collection: String
    ) -> Self {
        Read(collection, lookingUp: request.otherCollections) {
            try $0.explain(request, comparing: comparing)
        }
    }
}

extension Read<[ScoredPoint]> {
    /// The points that a query finds, best first.
    package static func points(_ request: QueryRequest, in collection: String) -> Self {
        Read(collection, lookingUp: request.otherCollections) { try $0.answer(request).points }
    }
}

extension Read<[[ScoredPoint]]> {
    /// One list of points per query, in their order; all see the same version.
    package static func points(_ requests: [QueryRequest], in collection: String) -> Self {
        let others = requests.reduce(into: Set<String>()) { $0.formUnion($1.otherCollections) }
        return Read(collection, lookingUp: others) { try $0.answers(requests).map(\.points) }
    }
}

extension Read<[PointGroup]> {
    package static func groups(_ request: GroupsRequest, in collection: String) -> Self {
        var others = request.query.otherCollections
        if let lookup = request.withLookup { others.insert(lookup.collection) }
        return Read(collection, lookingUp: others) { try $0.groups(request) }
    }
}

extension Read<[Record]> {
    /// In the order of `ids`; unknown ids are left out.
    package static func records(
        _ ids: [PointID], withPayload: PayloadSelector, withVectors: VectorSelector,
        in collection: String
    ) -> Self {
        Read(collection) {
            try $0.records(ids, withPayload: withPayload, withVectors: withVectors)
        }
    }
}

extension Read<ScrollPage> {
    package static func page(_ request: ScrollRequest, in collection: String) -> Self {
        Read(collection) { try $0.page(request) }
    }
}

extension Read<Int> {
    /// The number of points that match; nil counts all.
    package static func count(
        _ filter: Filter?, exact: Bool = true, in collection: String
    ) -> Self { Read(collection) { try $0.count(filter, exact: exact) } }
}

extension Read<[FacetHit]> {
    package static func facets(_ request: FacetRequest, in collection: String) -> Self {
        Read(collection) { try $0.facets(request) }
    }
}

extension Read<DistanceMatrix> {
    package static func matrix(_ request: MatrixRequest, in collection: String) -> Self {
        Read(collection) { try $0.matrix(request) }
    }
}

/// Points that a query names, and the collection that they are looked up in; nil: the query's own.
struct PointLookup: Hashable {
    var collection: String?
    var ids: [PointID]

    fileprivate static func list(_ query: Query?, from location: LookupLocation?) -> [PointLookup] {
        let ids = query?.namedPoints ?? []
        guard location != nil || !ids.isEmpty else { return [] }
        return [PointLookup(collection: location?.collection, ids: ids)]
    }
}

extension QueryRequest {
    /// Every point that the query and its prefetches name.
    var lookups: [PointLookup] {
        PointLookup.list(query, from: lookupFrom) + prefetch.flatMap(\.lookups)
    }

    fileprivate var otherCollections: Set<String> { Set(lookups.compactMap(\.collection)) }
}

extension Prefetch {
    fileprivate var lookups: [PointLookup] {
        PointLookup.list(query, from: lookupFrom) + prefetch.flatMap(\.lookups)
    }
}

extension Query {
    /// The points whose vectors it uses.
    fileprivate var namedPoints: [PointID] { inputs.points }

    /// The points and vectors that it is about.
    var inputs: [VectorInput] {
        switch self {
        case .nearest(let input), .diverse(let input, _): [input]
        case .recommend(let positive, let negative, _): positive + negative
        case .discover(let target, let pairs): [target] + pairs.inputs
        case .context(let pairs): pairs.inputs
        case .relevanceFeedback(let target, let feedback, _): [target] + feedback.map(\.example)
        case .fusion, .formula, .orderBy, .sampleRandom: []
        }
    }
}

extension [ContextPair] {
    fileprivate var inputs: [VectorInput] { flatMap { [$0.positive, $0.negative] } }
}

extension [VectorInput] {
    fileprivate var points: [PointID] {
        compactMap { input in
            switch input {
            case .id(let id): id
            case .vector: nil
            }
        }
    }
}
