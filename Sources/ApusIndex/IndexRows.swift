internal import ApusCore
internal import ApusKernels

/// The rows of an index, and how far a query is from them: by their codes where there are any,
/// otherwise by the vectors themselves.
///
/// Codes are a quarter of the vectors' bytes, and memory is what a walk waits for. Their error is
/// small against the distance between neighbours, so a walk over codes visits nearly the same
/// nodes; the answers are ordered by their exact distances afterwards (`exactly`).
@safe
struct IndexRows: Sendable {
    let vectors: VectorSpace
    let codes: CodeSpace?
    let kernel: DistanceKernel
    private let codeKernel: CodeKernel?

    init(vectors: VectorSpace, codes: CodeSpace?, metric: Metric) {
        self.vectors = vectors
        kernel = DistanceKernel(metric: metric)
        codeKernel = CodeKernel(metric: metric)
        self.codes = codeKernel == nil ? nil : codes
    }

    /// A query in the form that the distances of rows are computed from. Valid as long as the
    /// memory that it was made with.
    @safe
    struct Query {
        let floats: UnsafePointer<Float>
        fileprivate let code: CodeQuery?
        /// The bytes that are read for a row.
        let base: UnsafeRawPointer
        let stride: Int
    }

    /// A query for `[dimension]` floats; `codes` is scratch memory.
    func query(
        _ floats: UnsafePointer<Float>, codes memory: UnsafeMutablePointer<Int8>,
        usingCodes: Bool = true
    ) -> Query {
        guard usingCodes, let codes else { return unsafe exactQuery(floats) }
        let code = unsafe CodeQuery(floats, dimension: codes.dimension, codes: memory)
        return unsafe Query(
            floats: floats, code: code, base: UnsafeRawPointer(codes.base), stride: codes.stride)
    }

    /// A query that is one of the rows.
    func query(row ordinal: Int, codes memory: UnsafeMutablePointer<Int8>) -> Query {
        let floats = unsafe vectors.row(ordinal)
        guard let codes else { return unsafe exactQuery(floats) }
        let code = unsafe CodeQuery(row: ordinal, of: codes, codes: memory)
        return unsafe Query(
            floats: floats, code: code, base: UnsafeRawPointer(codes.base), stride: codes.stride)
    }

    private func exactQuery(_ floats: UnsafePointer<Float>) -> Query {
        unsafe Query(
            floats: floats, code: nil, base: UnsafeRawPointer(vectors.base),
            stride: vectors.stride * MemoryLayout<Float>.size)
    }

    /// The distances of the rows `ids[0..<count]`, into `distances`.
    @inline(__always)
    func distances(
        from query: Query, to ids: UnsafePointer<UInt32>, count: Int,
        into distances: UnsafeMutablePointer<Float>
    ) {
        if let code = query.code, let codes, let codeKernel {
            unsafe codeKernel.distances(
                from: code, to: ids, count: count, in: codes, into: distances)
        } else {
            unsafe kernel.distances(
                from: query.floats, to: ids, count: count, in: vectors, into: distances)
        }
    }

    /// The distances of the `count` rows from `start` on, into `distances`.
    func distances(
        from query: Query, toRowsFrom start: Int, count: Int,
        into distances: UnsafeMutablePointer<Float>
    ) {
        if let code = query.code, let codes, let codeKernel {
            unsafe codeKernel.distances(
                from: code, toRowsFrom: start, count: count, in: codes, into: distances)
        } else {
            unsafe kernel.distances(
                from: query.floats, toRowsFrom: start, count: count, in: vectors,
                into: distances)
        }
    }

    func key(of row: UInt32, from query: Query) -> NeighbourKey {
        var distance: Float = 0
        unsafe withUnsafePointer(to: row) { id in
            unsafe withUnsafeMutablePointer(to: &distance) { distance in
                unsafe distances(from: query, to: id, count: 1, into: distance)
            }
        }
        return NeighbourKey(distance: distance, ordinal: row)
    }
}

// MARK: - Exact answers

extension IndexRows {
    /// Rows whose exact distance is computed before it is known how wrong the codes are.
    private static var firstExact: Int { 16 }

    /// The `k` nearest of the rows in `beam` by their exact distances, best first.
    ///
    /// In the order of the beam: the rows that were measured exactly so far tell how much nearer a
    /// row may be than its code says, and the rest is left alone once that would not bring it
    /// among the `k` best. Twice the largest error so far is allowed for, so the answer is that of
    /// measuring every row except where one error is more than twice as large as all those before.
    func exactly(
        _ beam: SearchBeam, k: Int, from query: Query, _ scratch: SearchScratch
    ) -> [Neighbour] {
        guard k > 0 else { return [] }
        guard query.code != nil else {
            return (0..<min(k, beam.count)).map { beam[$0].neighbour }
        }
        var best: [NeighbourKey] = []
        best.reserveCapacity(k + Self.firstExact)
        let ids = unsafe scratch.ids
        let distances = unsafe scratch.distances
        var error: Float = 0
        var done = 0
        while done < beam.count {
            if best.count >= k, done > 0 {
                let reach = beam[done].distance - 2 * error
                if reach > best[k - 1].distance { break }
            }
            let count = min(done == 0 ? max(k, Self.firstExact) : 8, beam.count - done)
            let block = min(count, scratch.blockCapacity)
            for index in 0..<block { unsafe ids[index] = beam[done + index].ordinal }
            unsafe kernel.distances(
                from: query.floats, to: ids, count: block, in: vectors, into: distances)
            for index in 0..<block {
                let exact = unsafe distances[index]
                error = max(error, beam[done + index].distance - exact)
                best.append(unsafe NeighbourKey(distance: exact, ordinal: ids[index]))
            }
            done += block
            best.sort()
            if best.count > k { best.removeLast(best.count - k) }
        }
        return best.map(\.neighbour)
    }
}
