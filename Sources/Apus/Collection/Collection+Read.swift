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
        try answers([request], version)[0].points
    }

    public func query(
        _ request: QueryRequest, at version: SequenceNumber? = nil
    ) async throws -> [ScoredPoint] {
        try await context.perform { [self] in try answers([request], version)[0].points }
    }

    /// The same with what the answer says about itself.
    @available(*, noasync, message: "use the async form")
    public func answer(
        _ request: QueryRequest, at version: SequenceNumber? = nil
    ) throws -> QueryAnswer {
        try answers([request], version)[0]
    }

    public func answer(
        _ request: QueryRequest, at version: SequenceNumber? = nil
    ) async throws -> QueryAnswer {
        try await context.perform { [self] in try answers([request], version)[0] }
    }

    /// The same with what was done to find it: for each segment what the planner knew, what it
    /// chose and what came of it.
    /// - Parameter comparing: what the planner did not choose is carried out too, to know what would
    ///   have come of that. It takes as long as all ways together, several times.
    @available(*, noasync, message: "use the async form")
    public func explain(
        _ request: QueryRequest, at version: SequenceNumber? = nil, comparing: Bool = false
    ) throws -> QueryAnswer {
        try explained(request, version, comparing ? .outcomes : .plans)
    }

    public func explain(
        _ request: QueryRequest, at version: SequenceNumber? = nil, comparing: Bool = false
    ) async throws -> QueryAnswer {
        try await context.perform { [self] in
            try explained(request, version, comparing ? .outcomes : .plans)
        }
    }

    /// `answer` on the calling thread, with what the searches did and how long that took: cheap enough
    /// for every query.
    package func watched(
        _ request: QueryRequest, at version: SequenceNumber? = nil
    ) throws -> QueryAnswer { try explained(request, version, .stages) }

    /// The same for several queries, as `answers`, and for a grouped one.
    package func watched(
        _ requests: [QueryRequest], at version: SequenceNumber? = nil
    ) throws -> [QueryAnswer] { try answers(requests, version, .stages) }

    package func watched(
        _ request: GroupsRequest, at version: SequenceNumber? = nil
    ) throws -> GroupsAnswer { try watchedGroups(request, version) }

    /// Several queries that see the same version, on as many search threads as are free.
    @available(*, noasync, message: "use the async form")
    public func query(
        _ requests: [QueryRequest], at version: SequenceNumber? = nil
    ) throws -> [[ScoredPoint]] {
        try answers(requests, version).map(\.points)
    }

    public func query(
        _ requests: [QueryRequest], at version: SequenceNumber? = nil
    ) async throws -> [[ScoredPoint]] {
        try await context.perform { [self] in try answers(requests, version).map(\.points) }
    }

    /// A query whose results are grouped by the values of a payload field.
    @available(*, noasync, message: "use the async form")
    public func groups(
        _ request: GroupsRequest, at version: SequenceNumber? = nil
    ) throws -> [PointGroup] {
        try grouped(request, version)
    }

    public func groups(
        _ request: GroupsRequest, at version: SequenceNumber? = nil
    ) async throws -> [PointGroup] {
        try await context.perform { [self] in try grouped(request, version) }
    }

    /// The points with the given ids, in the order of the ids; unknown ids are left out.
    @available(*, noasync, message: "use the async form")
    public func retrieve(
        _ ids: [PointID], withPayload: PayloadSelector = .all,
        withVectors: VectorSelector = .none, at version: SequenceNumber? = nil
    ) throws -> [Record] {
        try records(ids, withPayload, withVectors, version)
    }

    public func retrieve(
        _ ids: [PointID], withPayload: PayloadSelector = .all,
        withVectors: VectorSelector = .none, at version: SequenceNumber? = nil
    ) async throws -> [Record] {
        try await context.perform { [self] in
            try records(ids, withPayload, withVectors, version)
        }
    }

    /// One page of the points that match, in id order or by a payload field.
    @available(*, noasync, message: "use the async form")
    public func scroll(_ request: ScrollRequest) throws -> ScrollPage {
        try page(request)
    }

    public func scroll(_ request: ScrollRequest) async throws -> ScrollPage {
        try await context.perform { [self] in try page(request) }
    }

    /// How many points match.
    ///
    /// - Parameter exact: if not, rows that indexes leave open are not all looked at: a sample of them
    ///   stands for the others, in a time that does not depend on how many there are.
    @available(*, noasync, message: "use the async form")
    public func count(
        _ filter: Filter? = nil, exact: Bool = true, at version: SequenceNumber? = nil
    ) throws -> Int { try counted(filter, exact, version) }

    public func count(
        _ filter: Filter? = nil, exact: Bool = true, at version: SequenceNumber? = nil
    ) async throws -> Int {
        try await context.perform { [self] in try counted(filter, exact, version) }
    }

    /// Several queries that see the same version, with what the answers say about themselves.
    @available(*, noasync, message: "use the async form")
    public func answers(
        _ requests: [QueryRequest], at version: SequenceNumber? = nil
    ) throws -> [QueryAnswer] {
        try answers(requests, version)
    }

    public func answers(
        _ requests: [QueryRequest], at version: SequenceNumber? = nil
    ) async throws -> [QueryAnswer] {
        try await context.perform { [self] in try answers(requests, version) }
    }

    // MARK: What both forms do

    private func explained(
        _ request: QueryRequest, _ version: SequenceNumber?, _ detail: SearchRecorder.Detail
    ) throws -> QueryAnswer {
        try admitRead(filters: [request.filter]) { try $0.check(batch: [request]) }
        return try reading(at: version) { view in
            let answer = try QueryExecution(
                collection: self, view: view, recorder: SearchRecorder(detail)
            ).answer(request)
            recallObserver.consider(request, answer.points, view, of: self)
            return answer
        }
    }

    /// On all search threads that are free, and the caller's.
    private func answers(
        _ requests: [QueryRequest], _ version: SequenceNumber?,
        _ detail: SearchRecorder.Detail? = nil
    ) throws -> [QueryAnswer] {
        try admitRead(filters: requests.map(\.filter)) { try $0.check(batch: requests) }
        return try reading(at: version) { view in
            guard requests.count > 1 else {
                return try requests.map { try answer($0, view, detail) }
            }
            let shared = try SharedScans(of: requests, view, in: self, isTimed: detail != nil)
            let results = context.searchPool.map(iterations: requests.count) { [self] index in
                Result { try answer(requests[index], view, detail, shared[index]) }
            }
            return try results.map { try $0.get() }
        }
    }

    private func answer(
        _ request: QueryRequest, _ view: ReadView, _ detail: SearchRecorder.Detail?,
        _ shared: [Int: PlannedSearch] = [:]
    ) throws -> QueryAnswer {
        let answer = try QueryExecution(
            collection: self, view: view, recorder: detail.map(SearchRecorder.init), shared: shared
        ).answer(request)
        recallObserver.consider(request, answer.points, view, of: self)
        return answer
    }

    private func grouped(
        _ request: GroupsRequest, _ version: SequenceNumber?
    ) throws -> [PointGroup] {
        try admitRead(filters: [request.query.filter]) { try $0.check(request) }
        return try reading(at: version) { view in
            try QueryExecution(collection: self, view: view).groups(request)
        }
    }

    private func watchedGroups(
        _ request: GroupsRequest, _ version: SequenceNumber?
    ) throws -> GroupsAnswer {
        try admitRead(filters: [request.query.filter]) { try $0.check(request) }
        return try reading(at: version) { view in
            let start = ContinuousClock.now
            let recorder = SearchRecorder(.stages)
            let groups = try QueryExecution(collection: self, view: view, recorder: recorder)
                .groups(request)
            return GroupsAnswer(
                groups: groups,
                explanation: QueryExplanation(
                    searches: recorder.searches, duration: ContinuousClock.now - start))
        }
    }

    private func records(
        _ ids: [PointID], _ payload: PayloadSelector, _ vectors: VectorSelector,
        _ version: SequenceNumber?
    ) throws -> [Record] {
        try admitRead { _ in }
        return try reading(at: version) {
            try $0.records(ids, payload: payload, vectors: vectors)
        }
    }

    private func page(_ request: ScrollRequest) throws -> ScrollPage {
        try admitRead(filters: [request.filter]) { try $0.check(request) }
        return try reading(request.version) { try $0.scroll(request) }
    }

    private func counted(
        _ filter: Filter?, _ exact: Bool, _ version: SequenceNumber?
    ) throws -> Int {
        try admitRead(filters: [filter]) { try $0.check(count: filter) }
        return try reading(at: version) {
            exact ? try $0.count(filter) : try $0.estimatedCount(filter)
        }
    }
}
