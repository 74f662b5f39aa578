// The requests that `Query` replaced, which clients still send: `Search`, `Recommend`, their
// batches and groups.

package import ApusCore
package import ApusProto

extension QueryRequest {
    package init(_ message: Qdrant_SearchPoints) throws(DatabaseError) {
        self.init(
            query: nearest(
                message.vector,
                sparse: message.hasSparseIndices ? message.sparseIndices : nil),
            using: message.hasVectorName ? message.vectorName : nil,
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            parameters: try SearchParameters(message.params),
            scoreThreshold: message.hasScoreThreshold ? message.scoreThreshold : nil,
            limit: Int(count: message.limit),
            offset: Int(count: message.offset),
            withPayload: try PayloadSelector(message.withPayload) ?? .none,
            withVectors: VectorSelector(message.withVectors))
        try requireAtLeastOne(limit, "limit")
    }

    package init(_ message: Qdrant_RecommendPoints) throws(DatabaseError) {
        self.init(
            query: .recommend(
                positive: try examples(message.positive, message.positiveVectors),
                negative: try examples(message.negative, message.negativeVectors),
                try RecommendStrategy(message.strategy)),
            using: message.hasUsing ? message.using : nil,
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            parameters: try SearchParameters(message.params),
            scoreThreshold: message.hasScoreThreshold ? message.scoreThreshold : nil,
            limit: Int(count: message.limit),
            offset: Int(count: message.offset),
            withPayload: try PayloadSelector(message.withPayload) ?? .none,
            withVectors: VectorSelector(message.withVectors),
            lookupFrom: message.hasLookupFrom ? LookupLocation(message.lookupFrom) : nil)
        try requireAtLeastOne(limit, "limit")
    }
}

extension GroupsRequest {
    package init(_ message: Qdrant_SearchPointGroups) throws(DatabaseError) {
        let query = QueryRequest(
            query: nearest(
                message.vector,
                sparse: message.hasSparseIndices ? message.sparseIndices : nil),
            using: message.hasVectorName ? message.vectorName : nil,
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            parameters: try SearchParameters(message.params),
            scoreThreshold: message.hasScoreThreshold ? message.scoreThreshold : nil,
            limit: Int(message.limit),
            withPayload: try PayloadSelector(message.withPayload) ?? .none,
            withVectors: VectorSelector(message.withVectors))
        try self.init(
            query: query, groupBy: message.groupBy, groupSize: Int(message.groupSize),
            withLookup: message.hasWithLookup ? try GroupLookup(message.withLookup) : nil)
    }

    package init(_ message: Qdrant_RecommendPointGroups) throws(DatabaseError) {
        let query = QueryRequest(
            query: .recommend(
                positive: try examples(message.positive, message.positiveVectors),
                negative: try examples(message.negative, message.negativeVectors),
                try RecommendStrategy(message.strategy)),
            using: message.hasUsing ? message.using : nil,
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            parameters: try SearchParameters(message.params),
            scoreThreshold: message.hasScoreThreshold ? message.scoreThreshold : nil,
            limit: Int(message.limit),
            withPayload: try PayloadSelector(message.withPayload) ?? .none,
            withVectors: VectorSelector(message.withVectors),
            lookupFrom: message.hasLookupFrom ? LookupLocation(message.lookupFrom) : nil)
        try self.init(
            query: query, groupBy: message.groupBy, groupSize: Int(message.groupSize),
            withLookup: message.hasWithLookup ? try GroupLookup(message.withLookup) : nil)
    }
}

extension QueryRequest {
    /// Without a target the context alone ranks.
    package init(_ message: Qdrant_DiscoverPoints) throws(DatabaseError) {
        let context = try message.context.map { pair throws(DatabaseError) in
            ContextPair(
                positive: try VectorInput(pair.positive), negative: try VectorInput(pair.negative))
        }
        let query: Query
        switch message.target.target {
        case .single(let example)?: query = .discover(target: try VectorInput(example), context)
        case nil: query = .context(context)
        }
        self.init(
            query: query,
            using: message.hasUsing ? message.using : nil,
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            parameters: try SearchParameters(message.params),
            limit: Int(count: message.limit),
            offset: Int(count: message.offset),
            withPayload: try PayloadSelector(message.withPayload) ?? .none,
            withVectors: VectorSelector(message.withVectors),
            lookupFrom: message.hasLookupFrom ? LookupLocation(message.lookupFrom) : nil)
        try requireAtLeastOne(limit, "limit")
    }
}

extension VectorInput {
    fileprivate init(_ message: Qdrant_VectorExample) throws(DatabaseError) {
        switch message.example {
        case .id(let id): self = .id(try PointID(id))
        case .vector(let vector): self = .vector(try Vector(vector))
        case nil: throw .wrongInput("An example is missing")
        }
    }
}

/// A query near `values`, which are those of a sparse vector when indices are given.
private func nearest(_ values: [Float], sparse indices: Qdrant_SparseIndices?) -> Query {
    guard let indices else { return .nearest(.vector(.dense(values))) }
    return .nearest(.vector(.sparse(SparseVector(indices: indices.data, values: values))))
}

private func examples(
    _ ids: [Qdrant_PointId], _ vectors: [Qdrant_Vector]
) throws(DatabaseError) -> [VectorInput] {
    let ids = try PointID.ids(ids).map { VectorInput.id($0) }
    let vectors = try vectors.map { vector throws(DatabaseError) in
        VectorInput.vector(try Vector(vector))
    }
    return ids + vectors
}
