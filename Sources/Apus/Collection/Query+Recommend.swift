internal import ApusCore
internal import ApusKernels
internal import ApusQuery

extension QueryExecution {
    /// Points like the positive examples and unlike the negative ones. Examples that are points of
    /// this collection are left out of the answer.
    ///
    /// `averageVector` searches neighbours of one vector, as fast as any search; the other
    /// strategies compare every admitted point with every example.
    func recommend(
        _ positive: [VectorInput], _ negative: [VectorInput], _ strategy: RecommendStrategy,
        field: String, lookup: LookupLocation?, _ scope: SearchScope
    ) throws -> [Hit] {
        let wanted = try positive.map { try example($0, field: field, lookup: lookup) }
        let unwanted = try negative.map { try example($0, field: field, lookup: lookup) }
        var scope = scope
        if lookup == nil {
            for case .id(let id) in positive + negative { scope.excluded.insert(id) }
        }
        switch strategy {
        case .averageVector:
            guard
                let target = Recommendation.averageVector(positive: wanted, negative: unwanted)
            else {
                throw DatabaseError(
                    .validation,
                    "Validation error: recommend needs at least one positive example")
            }
            let query = try PointValidation(view.configuration).stored(
                .dense(target), field: field, place: "the average of the examples")
            return try view.nearest(to: query, field: field, scope)
        case .bestScore, .sumScores:
            guard !wanted.isEmpty || !unwanted.isEmpty else {
                throw DatabaseError(
                    .validation, "Validation error: recommend needs at least one example")
            }
            return try rank(wanted, unwanted, strategy, field: field, scope)
        }
    }

    private func rank(
        _ wanted: [[Float]], _ unwanted: [[Float]], _ strategy: RecommendStrategy,
        field name: String, _ scope: SearchScope
    ) throws -> [Hit] {
        guard let configuration = view.configuration.vectors[name] else {
            throw DatabaseError.vectorNameNotFound(name)
        }
        let kernel = DistanceKernel(metric: configuration.metric)
        var hits: [Hit] = []
        for (index, segment) in view.segments.enumerated() {
            guard let field = try segment.denseField(name) else { continue }
            let admitted = try view.admittedRows(of: index, scope)
            for row in 0..<segment.writtenCount(through: view.lsn)
            where admitted.contains(row) && field.hasVector(at: row) {
                let positive = wanted.map { -kernel.distance($0, field.vectors, row) }
                let negative = unwanted.map { -kernel.distance($0, field.vectors, row) }
                let score =
                    strategy == .bestScore
                    ? Recommendation.bestScore(positive: positive, negative: negative)
                    : Recommendation.sumScores(positive: positive, negative: negative)
                hits.append(
                    Hit(
                        id: segment.id(at: row),
                        location: ReadView.Location(segment: index, row: row), score: score))
            }
        }
        // These scores are similarities under every metric.
        return Metric.dot.best(hits, scope)
    }

    private func example(
        _ input: VectorInput, field: String, lookup: LookupLocation?
    ) throws -> [Float] {
        guard case .dense(let vector) = try vector(input, field: field, lookup: lookup) else {
            throw DatabaseError(
                .unimplemented, "recommend on sparse or multi vectors is not there yet")
        }
        return vector
    }
}

extension DistanceKernel {
    /// The distance of a vector from a row; both have the space's dimension.
    fileprivate func distance(_ vector: [Float], _ space: VectorSpace, _ row: Int) -> Float {
        precondition(vector.count == space.dimension)
        return unsafe vector.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return 0 }
            return unsafe distance(start, space.row(row), dimension: space.dimension)
        }
    }
}
