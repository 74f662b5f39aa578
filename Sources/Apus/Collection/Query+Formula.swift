internal import ApusCore
internal import ApusQuery

extension QueryExecution {
    /// All points that the rankings found, by the formula's scores, best first, ties by id.
    func rescore(
        _ rankings: [[Hit]], by formula: Formula, scoreThreshold: Float?, limit: Int
    ) throws -> [Hit] {
        try formula.validate()
        let readsPayload = !formula.expression.fields.isEmpty
        var conditions: [Condition: CompiledFilter] = [:]
        for condition in formula.expression.conditions where conditions[condition] == nil {
            conditions[condition] = CompiledFilter(
                view.schema.visible(Filter(must: [condition])), schema: view.schema.textFields)
        }
        let needsPayload = readsPayload || conditions.values.contains(where: \.needsPayload)
        let scores = rankings.map { ranking in
            Dictionary(ranking.map { ($0.id, $0.score) }) { first, _ in first }
        }
        var hits: [PointID: Hit] = [:]
        for hit in rankings.joined() where hits[hit.id] == nil {
            let segment = view.segments[hit.location.segment]
            let candidate = FormulaCandidate(
                segment: segment, row: hit.location.row,
                payload: needsPayload ? try segment.payloadBytes(at: hit.location.row) : [],
                scores: scores.map { $0[hit.id] }, conditions: conditions)
            hits[hit.id] = Hit(
                id: hit.id, location: hit.location, score: try formula.score(of: candidate))
        }
        let scope = SearchScope(
            parameters: SearchParameters(), scoreThreshold: scoreThreshold, limit: limit)
        return Metric.dot.best(Array(hits.values), scope)
    }
}

/// A row whose score a formula computes.
private struct FormulaCandidate: FormulaSubject {
    let segment: any Segment
    let row: Int
    /// Encoded; empty when the formula needs none.
    let payload: [UInt8]
    let scores: [Float?]
    let conditions: [Condition: CompiledFilter]

    func score(in prefetch: Int) -> Float? {
        scores.indices.contains(prefetch) ? scores[prefetch] : nil
    }

    func values(at path: PayloadPath) -> [JSONValue] {
        var values: [JSONValue] = []
        unsafe payload.withUnsafeBytes { bytes in
            unsafe EncodedPayload(bytes).forEachValue(at: path) { value in
                if case .array(let elements) = value {
                    values += elements
                } else {
                    values.append(value)
                }
            }
        }
        return values
    }

    func satisfies(_ condition: Condition) throws(DatabaseError) -> Bool {
        guard let filter = conditions[condition] else { return false }
        do {
            return try unsafe payload.withUnsafeBytes { bytes in
                try unsafe segment.matches(filter, row, EncodedPayload(bytes))
            }
        } catch {
            throw DatabaseError(causedBy: error)
        }
    }
}
