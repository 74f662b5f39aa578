internal import ApusCore
internal import ApusIndex
internal import ApusKernels
internal import ApusQuery

/// Carries out a plan on one dense field of one segment.
struct DenseSearch {
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
    /// Counts what is done, and may end it; nil: nobody looks on.
    var watch: SearchWatch?

    /// The best rows by inner distance, best first in each part: `limit` from the graph and `limit`
    /// from the rows that are not in it yet, at most.
    func run(_ plan: Plan, limit: Int) -> [Neighbour] {
        let limit = min(limit, writtenCount)
        let all = 0..<writtenCount
        switch plan {
        case .scan: return scan(all, limit: limit)
        case .codeScan(let candidates): return scan(all, limit: limit, candidates: candidates)
        case .graph(let ef, let skipsRefused, let scanTail):
            guard let index = field.index else { return scan(all, limit: limit) }
            // Rows that are indexed while this search runs may be found by both parts; the count
            // is taken before the walk, so none is missed by both.
            let indexed = min(index.indexedCount, writtenCount)
            let found = index.search(
                query, k: limit, ef: min(ef, writtenCount), admission: admission,
                usesCodes: usesCodes, skipsRefused: skipsRefused, rescoring: rescoring,
                watch: watch)
            guard scanTail, indexed < writtenCount else { return found }
            let known = Set(found.map(\.ordinal))
            let tail = scan(indexed..<writtenCount, limit: limit, candidates: max(ef, 2 * limit))
            return found + tail.filter { !known.contains($0.ordinal) }
        case .lists(let probes, let candidates):
            return look(inLists: probes, candidates: candidates, limit: limit)
        }
    }

    private func look(inLists probes: Int, candidates: Int, limit: Int) -> [Neighbour] {
        let all = 0..<writtenCount
        guard let ivf = field.ivf else { return scan(all, limit: limit) }
        return ivf.search(
            query, k: limit, probes: probes, candidates: candidates, admission: admission,
            watch: watch)
    }

    private func scan(_ rows: Range<Int>, limit: Int) -> [Neighbour] {
        ExactScan.search(
            query, kernel: DistanceKernel(metric: field.metric, element: field.vectors.element),
            vectors: field.vectors,
            range: rows, k: limit, isPresent: presence, admission: admission, watch: watch)
    }

    /// By codes, where there are any and they may be used.
    private func scan(_ rows: Range<Int>, limit: Int, candidates: Int) -> [Neighbour] {
        guard usesCodes, let index = field.index, index.codes != nil else {
            return scan(rows, limit: limit)
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
