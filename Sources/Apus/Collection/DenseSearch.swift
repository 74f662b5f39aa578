internal import ApusCore
internal import ApusIndex
internal import ApusKernels
internal import ApusQuery

/// Carries out a plan on one dense field of one segment.
struct DenseSearch {
    let segment: any Segment
    let field: DenseField
    /// `[dimension]`, normalised under cosine.
    let query: [Float]
    let lsn: SequenceNumber
    /// Rows that the reader may see, deleted ones among them.
    let writtenCount: Int

    /// The best rows by inner distance, best first; `limit` from the graph and `limit` from the
    /// tail at most.
    func run(_ plan: Plan, limit: Int, bitmap: Bitmap?) -> [Neighbour] {
        let limit = min(limit, writtenCount)
        switch plan {
        case .scan:
            return scan(0..<writtenCount, limit: limit, bitmap: withPresence(bitmap))
        case .graph(let ef, let scanTail):
            guard let index = field.index else {
                return scan(0..<writtenCount, limit: limit, bitmap: withPresence(bitmap))
            }
            // Rows that are indexed while this search runs are in both parts; the count is taken
            // before the walk, so none is in neither.
            let indexed = min(index.indexedCount, writtenCount)
            var found = withAdmission(bitmap) { admission in
                index.search(query: query, k: limit, ef: min(ef, writtenCount), admission: admission)
            }
            if scanTail, indexed < writtenCount {
                let tail = scan(indexed..<writtenCount, limit: limit, bitmap: withPresence(bitmap))
                let known = Set(found.map(\.ordinal))
                found += tail.filter { !known.contains($0.ordinal) }
            }
            return found
        }
    }

    private func scan(_ rows: Range<Int>, limit: Int, bitmap: Bitmap?) -> [Neighbour] {
        withAdmission(bitmap) { admission in
            FlatIndex(vectors: field.vectors, metric: field.metric).search(
                query: query, rows: rows, k: limit, admission: admission)
        }
    }

    /// A graph holds only rows that have a vector; a scan has to be told.
    private func withPresence(_ bitmap: Bitmap?) -> Bitmap? {
        guard let presence = field.presence, presence.absentCount > 0 else { return bitmap }
        var admitted = bitmap ?? Bitmap(count: writtenCount, repeating: true)
        for row in 0..<writtenCount where admitted[row] && !presence[row] { admitted[row] = false }
        return admitted
    }

    private func withAdmission<Result>(
        _ bitmap: Bitmap?, _ body: (borrowing Admission) -> Result
    ) -> Result {
        let deletions = segment.deletions
        return unsafe body(
            Admission(
                visibleCount: writtenCount, filter: bitmap,
                deletedAt: deletions.count > 0 ? deletions.marks : nil, readLSN: lsn))
    }
}
