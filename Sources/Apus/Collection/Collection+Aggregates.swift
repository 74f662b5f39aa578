public import ApusCore

/// Answers about many points together. As with other reads, the synchronous form runs on the calling
/// thread and the `async` one on the engine's search threads.
extension Collection {
    /// How many points have each value of a payload field, most first; exact.
    @available(*, noasync, message: "use the async form")
    public func facets(
        _ request: FacetRequest, at version: SequenceNumber? = nil
    ) throws -> [FacetHit] {
        try counted(request, version)
    }

    public func facets(
        _ request: FacetRequest, at version: SequenceNumber? = nil
    ) async throws -> [FacetHit] {
        try await context.perform { [self] in
            try counted(request, version)
        }
    }

    /// The nearest neighbours of each of some random points among these points.
    @available(*, noasync, message: "use the async form")
    public func matrix(
        _ request: MatrixRequest, at version: SequenceNumber? = nil
    ) throws -> DistanceMatrix {
        try drawn(request, version)
    }

    public func matrix(
        _ request: MatrixRequest, at version: SequenceNumber? = nil
    ) async throws -> DistanceMatrix {
        try await context.perform { [self] in
            try drawn(request, version)
        }
    }

    private func counted(
        _ request: FacetRequest, _ version: SequenceNumber?
    ) throws -> [FacetHit] {
        try admitRead(filters: [request.filter]) { try $0.check(request) }
        return try reading(at: version) { try $0.facets(request) }
    }

    private func drawn(
        _ request: MatrixRequest, _ version: SequenceNumber?
    ) throws -> DistanceMatrix {
        try admitRead(filters: [request.filter]) { try $0.check(request) }
        return try reading(at: version) { try $0.matrix(request) }
    }
}
