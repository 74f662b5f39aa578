internal import ApusCore

extension ReadView {
    /// The nearest neighbours of each of some random points among these points; no points at all
    /// when there are not two of them. O(sample · search).
    func matrix(_ request: MatrixRequest) throws -> DistanceMatrix {
        for (name, value, least) in [("sample", request.sample, 2), ("limit", request.limit, 1)]
        where value < least {
            throw DatabaseError(
                .validation,
                "Validation error: \(name): value \(value) invalid, must be \(least) or larger")
        }
        let name = request.using ?? defaultVectorName
        guard configuration.vectors[name] != nil || configuration.sparseVectors[name] != nil else {
            throw DatabaseError.vectorNameNotFound(name)
        }
        let havingVector: Filter? = Filter(must: [.hasVector(name)])
        var scope = SearchScope(
            filter: havingVector.merged(with: request.filter),
            parameters: SearchParameters(exact: true), limit: min(request.sample, rowCount))
        let sample = try randomSample(scope).sorted { $0.id < $1.id }
        guard sample.count > 1 else { return DistanceMatrix() }
        let columns = Dictionary(
            sample.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
        scope.filter = nil
        scope.candidates = bitmaps(of: [sample])
        scope.limit = min(request.limit, sample.count - 1)
        let rows = try sample.map { point in
            scope.excluded = [point.id]
            let vector = try storedVector(name, of: point.id)
            return try nearest(to: vector, field: name, scope).compactMap { hit in
                columns[hit.id].map { DistanceMatrix.Entry(column: $0, score: hit.score) }
            }
        }
        return DistanceMatrix(ids: sample.map(\.id), rows: rows)
    }
}
