import Apus
import ApusCore

/// What a caller may read of a collection, and every read of it.
///
/// Everything here runs on one search thread and sees one version of the collection: the newest, or
/// what `CallReading` says.
package struct PermittedRead: Sendable {
    /// A collection, and which of its points may be seen; nil: all.
    typealias Scope = (collection: Collection, filter: Filter?)

    let collection: Collection
    let filter: Filter?
    /// The collections that it looks up points in, by the names that the request gives them.
    let others: [String: Scope]
    let watch: QueryWatch
    /// When it began to wait for a thread.
    private(set) var start = ContinuousClock.now

    init(
        collection: Collection, filter: Filter?, others: [String: Scope], watch: QueryWatch
    ) {
        self.collection = collection
        self.filter = filter
        self.others = others
        self.watch = watch
    }

    func waiting(since start: ContinuousClock.Instant) -> PermittedRead {
        var read = self
        read.start = start
        return read
    }

    func answer(_ request: QueryRequest) throws -> QueryAnswer {
        try CallModels.check([request], in: collection)
        let answer = try watch.answer(
            try permitted(CallReading.applied(to: request)), collection, at: version, since: start)
        CallReading.note([answer])
        return answer
    }

    func answers(_ requests: [QueryRequest]) throws -> [QueryAnswer] {
        try CallModels.check(requests, in: collection)
        let answers = try watch.answers(
            try requests.map { try permitted(CallReading.applied(to: $0)) }, collection,
            at: version, since: start)
        CallReading.note(answers)
        return answers
    }

    func explain(_ request: QueryRequest, comparing: Bool) throws -> QueryAnswer {
        try CallModels.check([request], in: collection)
        let answer = try collection.explain(
            try permitted(CallReading.applied(to: request)), at: version, comparing: comparing)
        CallReading.note([answer])
        return answer
    }

    func groups(_ request: GroupsRequest) throws -> [PointGroup] {
        try CallModels.check([request.query], in: collection)
        return try watch.groups(
            try permitted(CallReading.applied(to: request)), collection, at: version, since: start)
    }

    func records(
        _ ids: [PointID], withPayload: PayloadSelector, withVectors: VectorSelector
    ) throws -> [Record] {
        let version = version
        return try collection.retrieve(
            try Self.visible(ids, (collection, filter), at: version), withPayload: withPayload,
            withVectors: withVectors, at: version)
    }

    func page(_ request: ScrollRequest) throws -> ScrollPage {
        var request = CallReading.applied(to: request, in: collection)
        request.filter = request.filter.and(filter)
        return try collection.scroll(request)
    }

    func count(_ own: Filter?, exact: Bool) throws -> Int {
        try collection.count(own.and(filter), exact: exact, at: version)
    }

    func facets(_ request: FacetRequest) throws -> [FacetHit] {
        var request = request
        request.filter = request.filter.and(filter)
        return try collection.facets(request, at: version)
    }

    func matrix(_ request: MatrixRequest) throws -> DistanceMatrix {
        var request = request
        request.filter = request.filter.and(filter)
        return try collection.matrix(request, at: version)
    }

    /// The version that the call wants to see; nil: the newest.
    private var version: SequenceNumber? { CallReading.version(in: collection) }

    // MARK: What others may not see

    /// A query that finds only what the caller may see, and looks only at such points: one that
    /// names others as examples learns that there are none.
    private func permitted(_ request: QueryRequest) throws -> QueryRequest {
        var request = request
        request.filter = request.filter.and(filter)
        for lookup in request.lookups {
            try Self.requireVisible(
                lookup.ids, try lookup.collection.map(scope) ?? (collection, filter))
        }
        return request
    }

    private func permitted(_ request: GroupsRequest) throws -> GroupsRequest {
        var request = request
        request.query = try permitted(request.query)
        if let lookup = request.withLookup {
            // The points that come with the groups are not looked at one by one.
            guard try scope(of: lookup.collection).filter == nil else {
                throw Authorizer.denied(.read, lookup.collection)
            }
        }
        return request
    }

    /// Whoever made the read has said which collections it looks at.
    private func scope(of name: String) throws -> Scope {
        guard let scope = others[name] else { throw Authorizer.denied(.read, name) }
        return scope
    }

    /// Those of the ids whose points the caller may see.
    private static func visible(
        _ ids: [PointID], _ scope: Scope, at version: SequenceNumber? = nil
    ) throws -> [PointID] {
        guard let filter = scope.filter, !ids.isEmpty else { return ids }
        let wanted = Filter(must: [.hasID(Set(ids)), .filter(filter)])
        let found = try scope.collection.query(
            QueryRequest(filter: wanted, limit: ids.count), at: version)
        let known = Set(found.map(\.id))
        return ids.filter(known.contains)
    }

    private static func requireVisible(_ ids: [PointID], _ scope: Scope) throws {
        guard scope.filter != nil else { return }
        let known = Set(try visible(ids, scope))
        if let id = ids.first(where: { !known.contains($0) }) {
            throw DatabaseError.pointNotFound(id)
        }
    }
}
