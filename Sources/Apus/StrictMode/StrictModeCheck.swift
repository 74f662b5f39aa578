internal import ApusCore

/// Refuses requests that a collection's strict mode forbids.
///
/// Refusals are bad requests whose texts say which limit it was and what helps.
struct StrictModeCheck {
    let limits: StrictMode
    let schema: CollectionSchema

    /// nil: the collection has no strict mode, or it is not enabled.
    init?(_ schema: CollectionSchema) throws(DatabaseError) {
        guard let settings = schema.configuration.strictMode,
            settings["enabled"] == .bool(true)
        else { return nil }
        limits = try StrictMode(settings)
        self.schema = schema
    }

    // MARK: Reads

    func check(_ request: QueryRequest) throws(DatabaseError) {
        try check(limit: request.limit)
        try check(request.part)
    }

    func check(batch requests: [QueryRequest]) throws(DatabaseError) {
        try check(requests.count, limits.searchBatchMax, "search batch size")
        for request in requests { try check(request) }
    }

    func check(_ request: GroupsRequest) throws(DatabaseError) {
        try check(limit: request.query.limit.multipliedSaturating(by: request.groupSize))
        try check(request.query.part)
        guard !limits.allowsUnindexedReads else { return }
        switch schema.indexedFields[request.groupBy]?.type {
        case .keyword, .integer, .uuid, .bool: break
        case .float, .geo, .text, .datetime, nil:
            throw Self.unindexed(
                request.groupBy, "Create an index supporting `match` for this key.")
        }
    }

    func check(_ request: ScrollRequest) throws(DatabaseError) {
        try check(limit: request.limit)
        try check(filter: request.filter)
    }

    func check(_ request: FacetRequest) throws(DatabaseError) {
        try check(limit: request.limit)
        try check(filter: request.filter)
        if request.exact { try refuseExactSearch() }
    }

    func check(_ request: MatrixRequest) throws(DatabaseError) {
        try check(limit: request.limit.multipliedSaturating(by: request.sample))
        try check(filter: request.filter)
    }

    func check(count filter: Filter?) throws(DatabaseError) { try check(filter: filter) }

    /// What a query and a prefetch have in common.
    private func check(_ part: QueryPart) throws(DatabaseError) {
        try check(filter: part.filter)
        try check(part.parameters.ef, limits.efMax, "hnsw_ef")
        if let oversampling = part.parameters.oversampling, let most = limits.oversamplingMax,
            oversampling > most
        {
            throw Self.exceeded("\(oversampling)", "\(most)", "oversampling")
        }
        if part.parameters.exact { try refuseExactSearch() }
        // Candidates of prefetches are compared one by one, and they are few.
        if part.prefetch.isEmpty { try checkHasIndex(part) }
        if case .formula(let formula)? = part.query { try check(formula) }
        for prefetch in part.prefetch {
            try check(limit: prefetch.limit)
            try check(prefetch.part)
        }
    }

    private func check(_ formula: Formula) throws(DatabaseError) {
        try check(filter: Filter(must: formula.expression.conditions))
        guard !limits.allowsUnindexedReads else { return }
        for field in formula.expression.fields where schema.indexedFields[field] == nil {
            throw Self.unindexed(
                field, "Create an index for this key or use a different formula expression.")
        }
    }

    /// Without exact search, vectors are searched by an index.
    private func checkHasIndex(_ part: QueryPart) throws(DatabaseError) {
        guard !limits.allowsExactSearch, part.query?.searchesVectors == true,
            let field = schema.configuration.vectors[part.using ?? defaultVectorName],
            field.ivf == nil, schema.configuration.hnsw.applying(field.hnsw).m == 0
        else { return }
        throw Self.refusal(
            "Request is forbidden because global vector indexing is disabled (hnsw_config.m = 0)",
            "Enable global vector indexing or enable strict mode `search_allow_exact` option")
    }

    private func refuseExactSearch() throws(DatabaseError) {
        guard !limits.allowsExactSearch else { return }
        throw Self.refusal("Exact search disabled!", "Set exact=false.")
    }

    private func check(limit: Int) throws(DatabaseError) {
        try check(limit, limits.queryLimitMax, "limit")
    }

    private func check(filter: Filter?) throws(DatabaseError) {
        try check(filter, allowsUnindexed: limits.allowsUnindexedReads)
    }

    // MARK: Writes

    func check(_ operation: WriteOperation) throws(DatabaseError) {
        switch operation {
        case .upsert(let points), .conditionalUpsert(let points, _):
            try check(points.count, limits.upsertBatchMax, "upsert limit")
            for point in points { try check(point.vectors) }
        case .updateVectors(let points), .conditionalUpdateVectors(let points, _):
            try check(points.count, limits.upsertBatchMax, "update limit")
            for point in points { try check(point.vectors) }
        case .delete(let selection), .deleteVectors(_, let selection),
            .setPayload(_, _, let selection), .overwritePayload(_, _, let selection),
            .deletePayload(_, let selection), .clearPayload(let selection):
            guard case .filter(let filter) = selection else { return }
            try check(filter, allowsUnindexed: limits.allowsUnindexedUpdates)
        }
    }

    private func check(_ vectors: [String: Vector]) throws(DatabaseError) {
        for (name, vector) in vectors {
            switch vector {
            case .multi(let rows):
                try check(rows.count, limits.multiVectorsMax[name], "multivector size")
            case .sparse(let sparse):
                try check(
                    sparse.indices.count, limits.sparseLengthMax[name], "sparse vector length")
            case .dense: break
            }
        }
    }

    func checkNewIndex(on field: PayloadPath) throws(DatabaseError) {
        guard let most = limits.payloadIndexesMax, schema.indexedFields[field] == nil,
            schema.indexedFields.count >= most
        else { return }
        throw Self.refusal(
            "Collection already has the maximum number of payload indices (\(most))",
            "Please delete an existing index before creating a new one.")
    }

    // MARK: Filters

    private func check(_ filter: Filter?, allowsUnindexed: Bool) throws(DatabaseError) {
        guard let filter, !filter.isEmpty else { return }
        if let most = limits.filterConditionsMax, filter.conditionCount > most {
            throw Self.refusal(
                "Filter condition limit reached (\(filter.conditionCount) > \(most))",
                "Reduce the amount of conditions of your filter.")
        }
        if let most = limits.conditionSizeMax, filter.conditionSizeMax > most {
            throw Self.refusal(
                "Condition size limit reached (\(filter.conditionSizeMax) > \(most))",
                "Reduce the size of your condition.")
        }
        guard !allowsUnindexed else { return }
        for (parent, condition) in filter.leaves {
            guard let (path, types) = condition.indexWanted else { continue }
            let field = PayloadPath(steps: (parent?.steps ?? []) + path.steps)
            if let type = schema.indexedFields[field]?.type, types.contains(type) { continue }
            let names = types.map(\.rawValue).sorted().joined(separator: ", ")
            throw Self.refusal(
                "Index required but not found for \"\(field)\" of one of the following types: "
                    + "[\(names)]",
                "Create an index for this key or use a different filter.")
        }
    }

    // MARK: Texts

    private func check(
        _ value: Int?, _ most: Int?, _ name: String
    ) throws(DatabaseError) {
        guard let value, let most, value > most else { return }
        throw Self.exceeded("\(value)", "\(most)", name)
    }

    static func exceeded(_ value: String, _ most: String, _ name: String) -> DatabaseError {
        refusal(
            "Limit exceeded \(value) > \(most) for \"\(name)\"",
            "Reduce the \"\(name)\" parameter to or below \(most).")
    }

    private static func unindexed(_ field: PayloadPath, _ help: String) -> DatabaseError {
        refusal("Index required but not found for \"\(field)\"", help)
    }

    static func refusal(_ reason: String, _ help: String) -> DatabaseError {
        .badRequest("\(reason). Help: \(help)")
    }
}

/// A query or one of its prefetches.
private struct QueryPart {
    var query: Query?
    var using: String?
    var filter: Filter?
    var parameters: SearchParameters
    var prefetch: [Prefetch]
}

extension QueryRequest {
    fileprivate var part: QueryPart {
        QueryPart(
            query: query, using: using, filter: filter, parameters: parameters,
            prefetch: prefetch)
    }
}

extension Prefetch {
    fileprivate var part: QueryPart {
        QueryPart(
            query: query, using: using, filter: filter, parameters: parameters,
            prefetch: prefetch)
    }
}

extension Query {
    fileprivate var searchesVectors: Bool {
        switch self {
        case .nearest, .diverse, .recommend, .discover, .context, .relevanceFeedback: true
        case .fusion, .orderBy, .sampleRandom, .formula: false
        }
    }
}

extension Condition {
    /// The field that it looks at, and the types of payload index that can answer it; nil: it needs
    /// none.
    fileprivate var indexWanted: (field: PayloadPath, types: Set<PayloadFieldType>)? {
        switch self {
        case .field(let path, let predicate): (path, predicate.indexTypes)
        case .isEmpty(let path), .isNull(let path): (path, Set(PayloadFieldType.allCases))
        case .hasID, .hasVector, .slice, .nested, .filter: nil
        }
    }
}

extension FieldPredicate {
    fileprivate var indexTypes: Set<PayloadFieldType> {
        switch self {
        case .matchKeyword, .matchAnyKeyword, .matchExceptKeyword: [.keyword, .uuid]
        case .matchPrefix: [.keyword]
        case .matchInteger, .matchAnyInteger, .matchExceptInteger: [.integer]
        case .matchBool: [.bool]
        case .matchText, .matchTextAny, .matchPhrase: [.text]
        case .range: [.integer, .float]
        case .datetimeRange: [.datetime]
        case .geoRadius, .geoBoundingBox, .geoPolygon: [.geo]
        case .valuesCount: Set(PayloadFieldType.allCases)
        }
    }
}

extension Int {
    fileprivate func multipliedSaturating(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
