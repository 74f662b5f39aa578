internal import ApusCore
internal import ApusKernels

/// The rows of an index, and how far a query is from them: by their codes where there are any,
/// otherwise by the vectors themselves.
///
/// Codes are a quarter of the vectors' bytes or less, and memory is what a walk waits for. The error
/// of 8-bit codes is small against the distance between neighbours, so a walk over them visits
/// nearly the same nodes; with fewer bits it needs a longer candidate list. The answers are ordered
/// by their exact distances afterwards (`Rescoring.swift`).
@safe
struct IndexRows: Sendable {
    let vectors: VectorSpace
    let codes: RowCodes?
    let kernel: DistanceKernel
    private let codeKernel: CodeKernel?
    private let rabitqKernel: RaBitQKernel?

    init(vectors: VectorSpace, codes: RowCodes?, metric: Metric) {
        self.vectors = vectors
        kernel = DistanceKernel(metric: metric, element: vectors.element)
        codeKernel = CodeKernel(metric: metric)
        self.codes = codeKernel == nil ? nil : codes
        rabitqKernel =
            if case .rabitq(let space) = codes { RaBitQKernel(bits: space.bits) } else { nil }
    }

    /// A query in the form that the distances of rows are computed from. Valid as long as the
    /// memory that it was made with.
    @safe
    struct Query {
        /// The query as the vectors are.
        let row: UnsafeRawPointer
        let code: Code?
        /// The bytes that are read for a row.
        let base: UnsafeRawPointer
        let stride: Int
    }

    /// A query in codes, and the rows that it is compared with.
    enum Code {
        case bytes(CodeQuery, CodeSpace)
        case rabitq(RaBitQQuery, RaBitQSpace)
    }

    /// Bytes of scratch memory, aligned to floats, that the code of a query needs.
    static func codeByteCount(dimension: Int) -> Int {
        max(
            CodeQuery.byteCount(dimension: dimension), RaBitQQuery.byteCount(dimension: dimension))
    }

    /// A query for `[dimension]` floats and the row that they are (`DistanceKernel.withForms`);
    /// `codes` is scratch memory.
    func query(
        _ floats: UnsafePointer<Float>, _ row: UnsafeRawPointer,
        codes memory: UnsafeMutableRawPointer, usingCodes: Bool = true
    ) -> Query {
        guard usingCodes, let codes else { return unsafe exactQuery(row) }
        let code: Code =
            switch codes {
            case .bytes(let space):
                unsafe .bytes(
                    CodeQuery(
                        floats, dimension: space.dimension,
                        codes: memory.assumingMemoryBound(to: Int8.self)), space)
            case .rabitq(let space):
                unsafe .rabitq(RaBitQQuery(floats, of: space, memory: memory), space)
            }
        return unsafe Query(row: row, code: code, base: codes.base, stride: codes.stride)
    }

    /// A query for the vector of one of the rows.
    func query(
        vectorAt ordinal: Int, codes memory: UnsafeMutableRawPointer
    ) -> Query {
        guard codes != nil else { return unsafe exactQuery(vectors.row(ordinal)) }
        return unsafe vectors.withFloats(ordinal..<ordinal + 1, under: kernel.metric) { floats, _ in
            unsafe query(floats, vectors.row(ordinal), codes: memory)
        }
    }

    /// A query that is one of the rows: its codes are the query's too.
    func query(row ordinal: Int, codes memory: UnsafeMutableRawPointer) -> Query {
        guard case .bytes(let space) = codes else {
            return unsafe query(vectorAt: ordinal, codes: memory)
        }
        let code = unsafe CodeQuery(
            row: ordinal, of: space, codes: memory.assumingMemoryBound(to: Int8.self))
        return unsafe Query(
            row: vectors.row(ordinal), code: .bytes(code, space),
            base: UnsafeRawPointer(space.base), stride: space.stride)
    }

    private func exactQuery(_ row: UnsafeRawPointer) -> Query {
        unsafe Query(
            row: row, code: nil, base: vectors.base, stride: vectors.rowByteCount)
    }

    /// The distances of the rows `ids[0..<count]`, into `distances`.
    @inline(__always)
    func distances(
        from query: Query, to ids: UnsafePointer<UInt32>, count: Int,
        into distances: UnsafeMutablePointer<Float>
    ) {
        if case .bytes(let code, let space) = query.code, let codeKernel {
            unsafe codeKernel.distances(
                from: code, to: ids, count: count, in: space, into: distances)
        } else if case .rabitq(let code, let space) = query.code, let rabitqKernel {
            unsafe rabitqKernel.distances(
                from: code, to: ids, count: count, in: space, into: distances)
        } else {
            unsafe kernel.distances(
                from: query.row, to: ids, count: count, in: vectors, into: distances)
        }
    }

    /// The distances of the `count` rows from `start` on, into `distances`.
    func distances(
        from query: Query, toRowsFrom start: Int, count: Int,
        into distances: UnsafeMutablePointer<Float>
    ) {
        if case .bytes(let code, let space) = query.code, let codeKernel {
            unsafe codeKernel.distances(
                from: code, toRowsFrom: start, count: count, in: space, into: distances)
        } else if case .rabitq(let code, let space) = query.code, let rabitqKernel {
            unsafe rabitqKernel.distances(
                from: code, toRowsFrom: start, count: count, in: space, into: distances)
        } else {
            unsafe kernel.distances(
                from: query.row, toRowsFrom: start, count: count, in: vectors,
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
