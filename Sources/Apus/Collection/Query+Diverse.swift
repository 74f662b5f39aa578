internal import ApusCore
internal import ApusQuery

extension QueryExecution {
    /// The nearest points, thinned by maximal marginal relevance, in the order in which they were
    /// picked.
    func diverse(
        _ query: Vector, _ relevance: MarginalRelevance, field name: String, _ scope: SearchScope
    ) throws -> [Hit] {
        try relevance.validate()
        var scope = scope
        let limit = scope.limit
        scope.limit = min(relevance.candidatesLimit ?? limit, max(1, view.rowCount))
        let candidates = try view.nearest(to: query, field: name, scope)
        let vectors = try candidates.map { hit in
            try view.segments[hit.location.segment].vector(name, at: hit.location.row) ?? query
        }
        let similarity = VectorSimilarity(view.configuration.vectors[name])
        let picks = relevance.picks(among: candidates.count, limit: limit) { candidate in
            similarity(query, vectors[candidate])
        } similarity: { picked, candidate in
            similarity(vectors[candidate], vectors[picked])
        }
        return picks.map { candidates[$0] }
    }
}
