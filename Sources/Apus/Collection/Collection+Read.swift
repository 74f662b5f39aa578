public import ApusCore

/// Reads come in pairs: the synchronous form runs on the calling thread, for programs that embed
/// the engine; the `async` form runs on the engine's search threads and is what Swift picks inside
/// tasks. Both see one version of the collection from start to end: the newest, or the one that
/// `at` names, which was pinned before (`pinVersion`). A version that is not kept throws `.gone`.
extension Collection {
    /// The points that a query ranks highest, best first, ties by id.
    /// - Throws: `DatabaseError`: a vector of the wrong dimension or field, an unknown point id.
    @available(*, noasync, message: "use the async form")
    public func query(
        _ request: QueryRequest, at version: SequenceNumber? = nil
    ) throws -> [ScoredPoint] {
        try reading(at: version) { try run(request, $0) }
    }

    public func query(
        _ request: QueryRequest, at version: SequenceNumber? = nil
    ) async throws -> [ScoredPoint] {
        try await context.perform { [self] in try reading(at: version) { try run(request, $0) } }
    }

    /// The same with what the answer says about itself.
    @available(*, noasync, message: "use the async form")
    public func answer(
        _ request: QueryRequest, at version: SequenceNumber? = nil
    ) throws -> QueryAnswer {
        try reading(at: version) { try answer(request, $0) }
    }

    public func answer(
        _ request: QueryRequest, at version: SequenceNumber? = nil
    ) async throws -> QueryAnswer {
        try await context.perform { [self] in
            try reading(at: version) { try answer(request, $0) }
        }
    }

    /// The same with what was done to find it: for each segment what the planner knew, what it
    /// chose and what came of it.
    /// - Parameter comparing: what the planner did not choose is carried out too, to know what would
    ///   have come of that. It takes as long as all ways together, several times.
    @available(*, noasync, message: "use the async form")
    public func explain(
        _ request: QueryRequest, at version: SequenceNumber? = nil, comparing: Bool = false
    ) throws -> QueryAnswer {
        try reading(at: version) { try explained(request, $0, comparing) }
    }

    public func explain(
        _ request: QueryRequest, at version: SequenceNumber? = nil, comparing: Bool = false
    ) async throws -> QueryAnswer {
        try await context.perform { [self] in
            try reading(at: version) { try explained(request, $0, comparing) }
        }
    }

    /// Several queries that see the same version, on as many search threads as are free.
    @available(*, noasync, message: "use the async form")
    public func query(
        _ requests: [QueryRequest], at version: SequenceNumber? = nil
    ) throws -> [[ScoredPoint]] {
        try reading(at: version) { view in try answers(requests, view).map(\.points) }
    }

    public func query(
        _ requests: [QueryRequest], at version: SequenceNumber? = nil
    ) async throws -> [[ScoredPoint]] {
        try await context.perform { [self] in
            try reading(at: version) { view in try answers(requests, view).map(\.points) }
        }
    }

    /// A query whose results are grouped by the values of a payload field.
    @available(*, noasync, message: "use the async form")
    public func groups(
        _ request: GroupsRequest, at version: SequenceNumber? = nil
    ) throws -> [PointGroup] {
        try reading(at: version) { try run(request, $0) }
    }

    public func groups(
        _ request: GroupsRequest, at version: SequenceNumber? = nil
    ) async throws -> [PointGroup] {
        try await context.perform { [self] in try reading(at: version) { try run(request, $0) } }
    }

    /// The points with the given ids, in the order of the ids; unknown ids are left out.
    @available(*, noasync, message: "use the async form")
    public func retrieve(
        _ ids: [PointID], withPayload: PayloadSelector = .all,
        withVectors: VectorSelector = .none, at version: SequenceNumber? = nil
    ) throws -> [Record] {
        try reading(at: version) {
            try $0.records(ids, payload: withPayload, vectors: withVectors)
        }
    }

    public func retrieve(
        _ ids: [PointID], withPayload: PayloadSelector = .all,
        withVectors: VectorSelector = .none, at version: SequenceNumber? = nil
    ) async throws -> [Record] {
        try await context.perform { [self] in
            try reading(at: version) {
                try $0.records(ids, payload: withPayload, vectors: withVectors)
            }
        }
    }

    /// One page of the points that match, in id order or by a payload field.
    @available(*, noasync, message: "use the async form")
    public func scroll(_ request: ScrollRequest) throws -> ScrollPage {
        try reading(request.version) { try $0.scroll(request) }
    }

    public func scroll(_ request: ScrollRequest) async throws -> ScrollPage {
        try await context.perform { [self] in
            try reading(request.version) { try $0.scroll(request) }
        }
    }

    /// How many points match; exact.
    @available(*, noasync, message: "use the async form")
    public func count(
        _ filter: Filter? = nil, at version: SequenceNumber? = nil
    ) throws -> Int { try reading(at: version) { try $0.count(filter) } }

    public func count(
        _ filter: Filter? = nil, at version: SequenceNumber? = nil
    ) async throws -> Int {
        try await context.perform { [self] in
            try reading(at: version) { try $0.count(filter) }
        }
    }

    /// Several queries that see the same version, with what the answers say about themselves.
    @available(*, noasync, message: "use the async form")
    public func answers(
        _ requests: [QueryRequest], at version: SequenceNumber? = nil
    ) throws -> [QueryAnswer] {
        try reading(at: version) { view in try answers(requests, view) }
    }

    public func answers(
        _ requests: [QueryRequest], at version: SequenceNumber? = nil
    ) async throws -> [QueryAnswer] {
        try await context.perform { [self] in
            try reading(at: version) { view in try answers(requests, view) }
        }
    }

    private func answer(_ request: QueryRequest, _ view: ReadView) throws -> QueryAnswer {
        let answer = try QueryExecution(collection: self, view: view).answer(request)
        recallObserver.consider(request, answer.points, view, of: self)
        return answer
    }

    /// On all search threads that are free, and the caller's.
    private func answers(_ requests: [QueryRequest], _ view: ReadView) throws -> [QueryAnswer] {
        guard requests.count > 1 else { return try requests.map { try answer($0, view) } }
        let results = context.searchPool.map(iterations: requests.count) { [self] index in
            Result { try answer(requests[index], view) }
        }
        return try results.map { try $0.get() }
    }

    private func explained(
        _ request: QueryRequest, _ view: ReadView, _ comparing: Bool
    ) throws -> QueryAnswer {
        try QueryExecution(
            collection: self, view: view, recorder: SearchRecorder(comparesPlans: comparing)
        ).answer(request)
    }

    private func run(_ request: QueryRequest, _ view: ReadView) throws -> [ScoredPoint] {
        try answer(request, view).points
    }

    private func run(_ request: GroupsRequest, _ view: ReadView) throws -> [PointGroup] {
        try QueryExecution(collection: self, view: view).groups(request)
    }
}
