package import ApusCore
private import ApusKernels

// The recall curve of a graph: some of its rows are searched for in all others, exactly and with
// candidate lists of growing size.
//
// A row is not a query. When its own node is hidden from its search, the graph lacks a node just
// where it is needed, and less is found than for a query; when it is not, its links lead straight to
// the answer, and more is found. Two samples in three are hidden: that came nearest to queries that
// were held back, on both data sets of docs/performance.md ("The recall that is promised"). Nodes
// above level 0 are no samples: without them the graph would be another.

extension HNSWIndex {
    private static var candidateLists: [Int] {
        [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]
    }

    /// Measures the curve of the nodes so far and keeps it as `recallCurve`, unless they are few.
    ///
    /// Nobody may insert meanwhile. The same graph gives the same curve. O(512 × (rows + the
    /// candidate lists) × dimension), on the threads of `pool` and the caller's.
    package func measureRecall(pool: WorkerPool) {
        guard let entry, indexedCount >= RecallTruth.rowsMin else { return }
        let samples = samples(without: entry)
        let exact = RecallTruth(
            vectors: vectors, rowCount: indexedCount, kernel: rows.kernel,
            isPresent: { [self] in unsafe graph.levels[$0] != HNSWGraph.absent }
        ).distances(of: samples, pool: pool)
        var points: [RecallCurve.Point] = []
        for ef in Self.candidateLists where ef <= indexedCount {
            let found = pool.map(iterations: samples.count) { [self] index in
                hits(
                    searching: samples[index], isHidden: index % 3 != 2, ef: ef, entry: entry,
                    exact[index])
            }
            let limits = RecallCurve.limits.filter { $0 <= ef }
            let recalls = limits.indices.map { limit in
                Double(found.reduce(0) { $0 + $1[limit] })
                    / Double(samples.count * limits[limit])
            }
            points.append(RecallCurve.Point(ef: ef, recalls: recalls))
            if recalls.count == RecallCurve.limits.count, recalls.allSatisfy({ $0 >= 0.998 }) {
                break
            }
        }
        recallCurve = RecallCurve(points: points, sampleCount: samples.count)
    }

    /// Nodes of level 0, spread over all ordinals.
    private func samples(without entry: EntryPoint) -> [UInt32] {
        RecallTruth.samples(of: indexedCount) { [self] row in
            unsafe graph.levels[row] == 0 && row != Int(entry.ordinal)
        }
    }

    /// How many of the k nearest other nodes a search finds, for each k up to `ef`. A node counts
    /// that is no farther than the k-th nearest.
    private func hits(
        searching sample: UInt32, isHidden: Bool, ef: Int, entry: EntryPoint, _ exact: [Float]
    ) -> [Int] {
        scratch.withScratch { scratch in
            let query = unsafe rows.query(vectorAt: Int(sample), codes: scratch.queryCodes)
            defer { scratch.clearVisited() }
            let start = descend(from: entry, to: 0, query: query, scratch)
            // The node itself takes a place, unless it is hidden.
            var beam = scratch.beam(limit: isHidden ? ef : ef + 1)
            if isHidden { _ = scratch.visit(sample) }
            traverse(level: 0, from: start, query: query, beam: &beam, scratch)
            let limits = RecallCurve.limits.filter { $0 <= ef }
            let found = rows.answers(beam, k: (limits.last ?? 0) + 1, from: query, scratch)
                .filter { $0.ordinal != sample }
            return limits.map { RecallTruth.hits(among: found, exact, k: $0) }
        }
    }
}
