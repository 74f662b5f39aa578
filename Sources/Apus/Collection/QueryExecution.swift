internal import ApusCore
internal import ApusIndex
internal import ApusKernels
internal import ApusQuery

/// Runs one request against one version of a collection.
struct QueryExecution {
    /// Prefetches inside prefetches; more is a mistake or an attack.
    private static let depthMax = 16

    let collection: Collection
    let view: ReadView
    private let recall = RecallEstimate()
    private let recorder: SearchRecorder?
    /// When a request with a time budget shall be through.
    private var timeLimit: ContinuousClock.Instant?
    /// Searches of the request that were carried out beforehand, by segment.
    private let shared: [Int: PlannedSearch]

    /// - Parameters:
    ///   - recorder: takes down what is done, for the answer to say.
    ///   - shared: what a plain request for nearest neighbours has of `SharedScans`.
    init(
        collection: Collection, view: ReadView, recorder: SearchRecorder? = nil,
        shared: [Int: PlannedSearch] = [:]
    ) {
        self.collection = collection
        self.view = view
        self.recorder = recorder
        self.shared = shared
    }

    func answer(_ request: QueryRequest) throws -> QueryAnswer {
        let start = ContinuousClock.now
        let points = try limited(by: request).points(request)
        var answer = QueryAnswer(
            points: points, recallExpected: recall.value, version: view.lsn)
        if let recorder {
            answer.explanation = QueryExplanation(
                searches: recorder.searches,
                duration: ContinuousClock.now - start + recorder.sharedDuration)
        }
        return answer
    }

    /// The same within the time budget of a request, which begins now.
    func limited(by request: QueryRequest) throws -> QueryExecution {
        try request.budget.validate(with: request.parameters)
        var execution = self
        execution.timeLimit = request.budget.time.map { ContinuousClock.now + $0 }
        return execution
    }

    private func points(_ request: QueryRequest) throws -> [ScoredPoint] {
        var memory = MemoryBudget(request.budget)
        try memory.take(rankingsOf: request, rowCount: view.rowCount)
        return try hits(request).map { try point(at: $0, request, &memory) }
    }

    /// What the answer tells of a ranked row.
    func point(
        at hit: Hit, _ request: QueryRequest, _ memory: inout MemoryBudget
    ) throws -> ScoredPoint {
        let segment = view.segments[hit.location.segment]
        let row = hit.location.row
        let point = ScoredPoint(
            id: hit.id, score: hit.score, version: segment.version(at: row),
            payload: try segment.payload(selected: request.withPayload, at: row),
            vectors: try segment.vectors(view.schema.visible(request.withVectors), at: row),
            orderValue: hit.orderValue)
        try memory.take(point, of: segment, row: row)
        return point
    }

    /// The ranked rows of a request, after its offset.
    func hits(_ request: QueryRequest) throws -> [Hit] {
        let hits = try hits(try step(of: request), depth: 0)
        return Array(hits.dropFirst(request.offset).prefix(request.limit))
    }

    private func step(of request: QueryRequest) throws -> Step {
        guard request.limit >= 0, request.offset >= 0 else {
            throw DatabaseError(
                .validation, "Validation error: limit and offset must not be negative")
        }
        let (wanted, overflow) = request.limit.addingReportingOverflow(request.offset)
        return Step(
            query: request.query, using: request.using, prefetch: request.prefetch,
            filter: request.filter, parameters: request.parameters,
            scoreThreshold: request.scoreThreshold,
            limit: min(overflow ? .max : wanted, max(1, view.rowCount)),
            lookupFrom: request.lookupFrom)
    }

    /// What `answer` looks for, and among what, when the request asks for the nearest neighbours of one
    /// dense vector and no more; nil: it asks for something else.
    func plainSearch(_ request: QueryRequest) throws -> (query: [Float], scope: SearchScope)? {
        guard case .nearest(let input)? = request.query, request.prefetch.isEmpty else {
            return nil
        }
        let step = try step(of: request)
        try check(step)
        let field = step.using ?? defaultVectorName
        guard step.limit > 0, view.configuration.vectors[field] != nil,
            case .dense(let query) = try vector(input, field: field, lookup: step.lookupFrom)
        else { return nil }
        return (query, scope(of: step, candidates: nil))
    }

    /// A request or one of its prefetches.
    private struct Step {
        var query: Query?
        var using: String?
        var prefetch: [Prefetch]
        var filter: Filter?
        var parameters: SearchParameters
        var scoreThreshold: Float?
        var limit: Int
        var lookupFrom: LookupLocation?
    }

    private func hits(_ step: Step, depth: Int) throws -> [Hit] {
        guard depth <= Self.depthMax else {
            throw DatabaseError.wrongInput("prefetches are nested more than \(Self.depthMax) deep")
        }
        try check(step)
        let rankings = try step.prefetch.map { prefetch in
            guard prefetch.limit >= 0 else {
                throw DatabaseError(.validation, "Validation error: limit must not be negative")
            }
            return try hits(
                Step(
                    query: prefetch.query, using: prefetch.using, prefetch: prefetch.prefetch,
                    // What a candidate must satisfy in the end, it may satisfy at once.
                    filter: prefetch.filter.merged(with: step.filter),
                    parameters: prefetch.parameters, scoreThreshold: prefetch.scoreThreshold,
                    limit: min(prefetch.limit, max(1, view.rowCount)),
                    lookupFrom: prefetch.lookupFrom),
                depth: depth + 1)
        }
        if case .fusion(let fusion)? = step.query { return fuse(rankings, fusion, step) }
        if case .formula(let formula)? = step.query {
            return try rescore(
                rankings, by: formula, scoreThreshold: step.scoreThreshold, limit: step.limit)
        }
        return try rank(step, candidates: step.prefetch.isEmpty ? nil : view.bitmaps(of: rankings))
    }

    private func check(_ step: Step) throws {
        try step.parameters.validate()
        switch step.query {
        case .fusion(let fusion):
            if step.prefetch.isEmpty {
                throw DatabaseError.badRequest("a fusion query needs at least one prefetch")
            }
            if step.using != nil {
                throw DatabaseError.badRequest("a fusion query cannot have the `using` field")
            }
            if case .reciprocalRank(_, let weights) = fusion, !weights.isEmpty,
                weights.count != step.prefetch.count
            {
                throw DatabaseError.badRequest(
                    "rrf has \(weights.count) weights for \(step.prefetch.count) prefetches")
            }
        case .formula:
            if step.prefetch.isEmpty {
                throw DatabaseError.badRequest("a formula query needs at least one prefetch")
            }
        case nil:
            if !step.prefetch.isEmpty {
                throw DatabaseError.badRequest("a query is needed to merge the prefetches")
            }
            if step.scoreThreshold != nil { throw Self.thresholdWithoutScore }
        case .orderBy, .sampleRandom:
            if step.scoreThreshold != nil { throw Self.thresholdWithoutScore }
        case .nearest, .diverse, .recommend, .discover, .context, .relevanceFeedback:
            break
        }
    }

    private static let thresholdWithoutScore = DatabaseError.badRequest(
        "a score_threshold needs a query that scores")

    private func scope(of step: Step, candidates: [Bitmap]?) -> SearchScope {
        var scope = SearchScope(
            filter: step.filter, candidates: candidates, parameters: step.parameters,
            scoreThreshold: step.scoreThreshold, limit: step.limit, recall: recall,
            recorder: recorder, timeLimit: timeLimit)
        switch step.query {
        case .nearest(.id(let id)), .diverse(.id(let id), _):
            if step.lookupFrom == nil { scope.excluded = [id] }
        default: break
        }
        return scope
    }

    private func rank(_ step: Step, candidates: [Bitmap]?) throws -> [Hit] {
        var scope = scope(of: step, candidates: candidates)
        let field = step.using ?? defaultVectorName
        let examples = ExampleField(name: field, lookup: step.lookupFrom)
        switch step.query {
        case .nearest(let input), .diverse(let input, _):
            let query = try vector(input, field: field, lookup: step.lookupFrom)
            guard case .diverse(_, let relevance)? = step.query else {
                scope.shared = shared
                return try view.nearest(to: query, field: field, scope)
            }
            return try diverse(query, relevance, field: field, scope)
        case .recommend(let positive, let negative, let strategy):
            return try recommend(positive, negative, strategy, examples, scope)
        case .discover(let target, let pairs):
            return try discover(target, pairs, examples, scope)
        case .context(let pairs):
            return try context(pairs, examples, scope)
        case .relevanceFeedback(let target, let feedback, let weights):
            return try relevanceFeedback(target, feedback, weights, examples, scope)
        case .orderBy(let order):
            return try view.ordered(by: order, scope)
        case .sampleRandom:
            return try view.randomSample(scope)
        case nil:
            return try view.inIDOrder(scope)
        case .fusion, .formula:
            throw DatabaseError(.internalError, "a fusion or formula was to be ranked, not merged")
        }
    }

    // MARK: Vectors of queries

    /// The query's vector, checked and in the form in which the field stores vectors.
    func vector(
        _ input: VectorInput, field: String, lookup: LookupLocation?
    ) throws -> Vector {
        switch input {
        case .vector(let vector):
            return try PointValidation(view.configuration).stored(
                vector, field: field, place: .other("query"))
        case .id(let id):
            guard let lookup else { return try view.storedVector(field, of: id) }
            let other = try collection.context.collection(lookup.collection)
            let found = try other.reading { try $0.storedVector(lookup.vector ?? field, of: id) }
            return try PointValidation(view.configuration).stored(
                found, field: field, place: .other("point \(id) of `\(lookup.collection)`"))
        }
    }

    // MARK: Prefetches

    private func fuse(_ rankings: [[Hit]], _ fusion: Fusion, _ step: Step) -> [Hit] {
        var locations: [PointID: ReadView.Location] = [:]
        for hit in rankings.joined() { locations[hit.id] = hit.location }
        let merged = fusion.merge(
            rankings.map { $0.map { RankedPoint(id: $0.id, score: $0.score) } })
        let kept = merged.filter { point in
            step.scoreThreshold.map { point.score >= $0 } ?? true
        }
        return kept.prefix(step.limit).compactMap { point in
            locations[point.id].map { Hit(id: point.id, location: $0, score: point.score) }
        }
    }
}

extension Optional where Wrapped == Filter {
    /// A filter that holds where both do.
    func merged(with other: Filter?) -> Filter? {
        guard let other, !other.isEmpty else { return self }
        guard let self, !self.isEmpty else { return other }
        return Filter(must: [.filter(self), .filter(other)])
    }
}

extension ReadView {
    /// Rows of all segments, deleted ones included.
    var rowCount: Int { segments.reduce(0) { $0 + $1.writtenCount(through: lsn) } }

    /// The rows of several rankings, for each segment.
    func bitmaps(of rankings: [[Hit]]) -> [Bitmap] {
        var bitmaps = segments.map { segment in
            Bitmap(count: segment.writtenCount(through: lsn))
        }
        for hit in rankings.joined() { bitmaps[hit.location.segment][hit.location.row] = true }
        return bitmaps
    }

    func storedVector(_ field: String, of id: PointID) throws -> Vector {
        guard let location = row(of: id) else { throw DatabaseError.pointNotFound(id) }
        if let vector = try segments[location.segment].vector(field, at: location.row) {
            return vector
        }
        guard
            configuration.vectors[field] != nil || configuration.sparseVectors[field] != nil
        else { throw DatabaseError.vectorNameNotFound(field) }
        throw DatabaseError(
            .notFound, "Not found: Point \(id) does not have a vector in field `\(field)`")
    }
}
