internal import ApusCore
internal import ApusIndex
internal import ApusKernels
internal import ApusQuery

/// Carries out a plan on one dense field of one segment.
struct DenseSearch: Sendable {
    let segment: any Segment
    let field: DenseField
    /// `[dimension]`, as `DistanceKernel.prepare` returns it.
    let query: [Float]
    let lsn: SequenceNumber
    /// Rows that the reader may see, deleted ones among them.
    let writtenCount: Int
    /// The rows that may be returned; nil: all.
    let filter: Bitmap?
    /// Whether a walk may measure with the field's codes.
    let usesCodes: Bool
    /// What becomes of the rows that codes found.
    let rescoring: Rescoring
    /// The rows that have a vector in the field; nil: all. A graph holds no others, a scan has to
    /// be told.
    let presence: Bitmap?

    /// Rows that one thread scans at a time. It depends on nothing: the same query finds the same
    /// rows however many threads there are.
    private static let rowsOfPiece = 1 << 16

    /// The pieces of a plan that may be carried out at the same time.
    func pieces(of plan: Plan) -> [Range<Int>] {
        let all = 0..<writtenCount
        switch plan {
        case .graph, .graphThenFilter, .lists: return [all]
        case .scan, .codeScan:
            return stride(from: 0, to: writtenCount, by: Self.rowsOfPiece).map { start in
                start..<min(start + Self.rowsOfPiece, writtenCount)
            }
        }
    }

    /// The best rows by inner distance, `limit` of each piece at most, best first in each.
    func run(_ plan: Plan, limit: Int, watch: SearchWatch? = nil) -> [Neighbour] {
        pieces(of: plan).flatMap { run(plan, in: $0, limit: limit, watch: watch) }
    }

    /// One of the `pieces` of a plan: its best rows by inner distance, best first in each part:
    /// `limit` from the graph and `limit` from the rows that are not in it yet, at most. Where the filter
    /// comes afterwards, so many candidates instead of `limit`.
    /// - Parameter watch: counts what is done, and may end it; nil: nobody looks on.
    func run(
        _ plan: Plan, in rows: Range<Int>, limit: Int, watch: SearchWatch?
    ) -> [Neighbour] {
        let limit = min(limit, writtenCount)
        switch plan {
        case .scan: return scan(rows, limit: limit, watch)
        case .codeScan(let candidates):
            return scan(rows, limit: limit, candidates: candidates, watch)
        case .graph(let ef, let skipsRefused, let scanTail):
            guard let index = field.index else { return scan(rows, limit: limit, watch) }
            // Rows that are indexed while this search runs may be found by both parts; the count
            // is taken before the walk, so none is missed by both.
            let indexed = min(index.indexedCount, writtenCount)
            let found = index.search(
                query, k: limit, ef: min(ef, writtenCount), admission: admission,
                usesCodes: usesCodes, skipsRefused: skipsRefused, rescoring: rescoring,
                watch: watch)
            guard scanTail, indexed < writtenCount else { return found }
            let known = Set(found.map(\.ordinal))
            let tail = scan(
                indexed..<writtenCount, limit: limit, candidates: max(ef, 2 * limit), watch)
            return found + tail.filter { !known.contains($0.ordinal) }
        case .graphThenFilter(let ef, let candidates, let scanTail):
            return run(
                .graph(ef: ef, skipsRefused: false, scanTail: scanTail), in: rows,
                limit: candidates, watch: watch)
        case .lists(let probes, let candidates):
            guard let ivf = field.ivf else { return scan(rows, limit: limit, watch) }
            return ivf.search(
                query, k: limit, probes: probes, candidates: candidates, admission: admission,
                watch: watch)
        }
    }

    /// What a scan of `rows`, or of a part of one of its pieces, finds for each of several queries in
    /// the form of `query`: what it would find for each of them alone.
    func scan(
        _ rows: Range<Int>, for queries: [[Float]], limit: Int, watch: SearchWatch
    ) -> [[Neighbour]] {
        ExactScan.search(
            all: queries,
            kernel: DistanceKernel(metric: field.metric, element: field.vectors.element),
            vectors: field.vectors, range: rows, k: min(limit, writtenCount), isPresent: presence,
            admission: admission, watch: watch)
    }

    private func scan(_ rows: Range<Int>, limit: Int, _ watch: SearchWatch?) -> [Neighbour] {
        ExactScan.search(
            query, kernel: DistanceKernel(metric: field.metric, element: field.vectors.element),
            vectors: field.vectors,
            range: rows, k: limit, isPresent: presence, admission: admission, watch: watch)
    }

    /// By codes, where there are any and they may be used.
    private func scan(
        _ rows: Range<Int>, limit: Int, candidates: Int, _ watch: SearchWatch?
    ) -> [Neighbour] {
        guard usesCodes, let index = field.index, index.codes != nil else {
            return scan(rows, limit: limit, watch)
        }
        return index.scan(
            query, range: rows, k: limit, candidates: candidates, isPresent: presence,
            admission: admission, rescoring: rescoring, watch: watch)
    }

    private var admission: Admission {
        let deletions = segment.deletions
        return unsafe Admission(
            visibleCount: writtenCount, filter: filter,
            deletedAt: deletions.count > 0 ? deletions.marks : nil, readLSN: lsn.rawValue)
    }
}

extension SearchParameters {
    /// What becomes of the rows that codes found in a search for `limit` rows.
    ///
    /// A search for a recall measures as many as it takes: the recall was measured so.
    func rescoring(limit: Int) -> Rescoring {
        if !rescores { return .never }
        guard oversampling != nil, targetRecall == nil else { return .asNeeded }
        return .nearest(candidatesMin(limit: limit))
    }
}
