internal import ApusCore
internal import ApusKernels

/// Searches in fields whose points have several vectors (ColBERT: Khattab and Zaharia, "ColBERT:
/// Efficient and effective passage search via contextualized late interaction over BERT", 2020,
/// section 3.3).
extension ReadView {
    /// Rows that one thread looks at in a go.
    private static let rowsOfPiece = 512

    /// MaxSim: for each query vector the best similarity among the row's vectors, summed. Exact, and
    /// done by all threads that have nothing else to do. O(rows × their vectors × query vectors).
    func nearestMulti(
        to queries: [[Float]], field name: String, configuration: DenseVectorConfiguration,
        _ scope: SearchScope
    ) throws -> [Hit] {
        var pieces: [(segment: Int, admitted: AdmittedRows, rows: Range<Int>)] = []
        for (index, segment) in segments.enumerated() where segment.hasExtras {
            let admitted = try admittedRows(of: index, scope)
            let written = segment.writtenCount(through: lsn)
            for start in stride(from: 0, to: written, by: Self.rowsOfPiece) {
                let rows = start..<min(start + Self.rowsOfPiece, written)
                if admitted.mayContain(rows) { pieces.append((index, admitted, rows)) }
            }
        }
        let metric = configuration.metric
        let scan = MaxSimScan(queries: queries, field: name, configuration: configuration)
        let run: @Sendable (Int) -> Result<[Hit], any Error> = {
            [pieces, segments, interruption] number in
            let piece = pieces[number]
            return Result {
                try interruption?.check()
                let segment = segments[piece.segment]
                return try scan.run(segment, piece.rows, piece.admitted).map { row, similarity in
                    Hit(
                        id: segment.id(at: row),
                        location: Location(segment: piece.segment, row: row),
                        score: metric.score(ofDistance: -similarity))
                }
            }
        }
        let isShared = pieces.count > 1 && (helpers?.idleCount ?? 0) > 0
        let results =
            isShared
            ? helpers?.map(iterations: pieces.count, run) ?? [] : pieces.indices.map(run)
        return metric.best(try results.flatMap { try $0.get() }, scope)
    }
}

extension AdmittedRows {
    /// Whether there may be an admitted row among these.
    fileprivate func mayContain(_ rows: Range<Int>) -> Bool {
        guard let bitmap else { return true }
        return rows.contains { bitmap[$0] }
    }
}

/// The similarities of rows to a query of several vectors.
private struct MaxSimScan: Sendable {
    let queries: [[Float]]
    let field: String
    let configuration: DenseVectorConfiguration

    /// The admitted rows that have the field, with their similarities.
    func run(
        _ segment: any Segment, _ rows: Range<Int>, _ admitted: AdmittedRows
    ) throws -> [(row: Int, similarity: Float)] {
        let kernel = DistanceKernel(metric: configuration.metric, element: configuration.element)
        var parts = VectorBlock(
            dimension: configuration.dimension, element: configuration.element)
        var found: [(row: Int, similarity: Float)] = []
        try unsafe segment.forEachExtras(in: rows) { row, bytes in
            guard admitted.contains(row) else { return }
            let hasParts = try segment.locating(row) { () throws(MalformedBytes) in
                try unsafe RowExtras.takeParts(
                    of: field, from: bytes, dimension: configuration.dimension, into: &parts)
            }
            guard hasParts else { return }
            var similarity: Float = 0
            for query in queries {
                similarity -= parts.nearest(to: query, by: kernel) ?? .infinity
            }
            found.append((row, similarity))
        }
        return found
    }
}
