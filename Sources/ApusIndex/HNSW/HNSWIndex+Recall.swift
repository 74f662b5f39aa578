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

    /// Only for answers of the longest limit.
    private static var longCandidateLists: [Int] { [1536, 2048, 3072, 4096] }

    /// Neighbours that are asked for, for each expanded node, at most: beyond, little is found.
    private static var limitsPerExpansion: Int { 8 }

    /// From how many rows on answers of the longest limit are measured, and with which of the
    /// samples: a mean over a thousand neighbours needs fewer.
    private static var rowsOfLongAnswersMin: Int { 10_000 }
    private static var longAnswerStep: Int { 4 }

    /// Measures the curve of the nodes so far and keeps it as `recallCurve`, unless they are few.
    ///
    /// Nobody may insert meanwhile. The same graph gives the same curve. O(512 × (rows + the
    /// candidate lists) × dimension), on the threads of `pool` and the caller's.
    package func measureRecall(pool: WorkerPool) {
        guard let entry, indexedCount >= RecallTruth.rowsMin else { return }
        let samples = samples(without: entry)
        let truth = RecallTruth(
            vectors: vectors, rowCount: indexedCount, kernel: rows.kernel,
            isPresent: { [self] in unsafe graph.levels[$0] != HNSWGraph.absent })
        var exact = truth.distances(of: samples, pool: pool)
        if indexedCount >= Self.rowsOfLongAnswersMin {
            let places = Array(stride(from: 0, to: samples.count, by: Self.longAnswerStep))
            let found = truth.distances(
                of: places.map { samples[$0] }, limit: RecallCurve.limits.last ?? 0, pool: pool)
            for (place, distances) in zip(places, found) { exact[place] = distances }
        }
        var points: [RecallCurve.Point] = []
        var measured = Array(samples.indices)
        for ef in Self.candidateLists + Self.longCandidateLists where ef <= indexedCount {
            if ef == Self.longCandidateLists.first {
                measured.removeAll { exact[$0].count <= RecallCurve.commonLimit }
            }
            guard !measured.isEmpty else { break }
            let found = pool.map(iterations: measured.count) { [self, exact, measured] number in
                let index = measured[number]
                return hits(
                    searching: samples[index], isHidden: index % 3 != 2, ef: ef, entry: entry,
                    exact[index])
            }
            let recalls = RecallCurve.limits.enumerated().compactMap { place, limit -> Double? in
                let counts = found.compactMap { place < $0.count ? $0[place] : nil }
                guard !counts.isEmpty else { return nil }
                return Double(counts.reduce(0, +)) / Double(counts.count * limit)
            }
            points.append(RecallCurve.Point(ef: ef, recalls: recalls))
            let common = recalls.prefix(RecallCurve.commonLimits.count)
            guard common.count == RecallCurve.commonLimits.count,
                common.allSatisfy({ $0 >= 0.998 })
            else { continue }
            if recalls.count == RecallCurve.limits.count, recalls.allSatisfy({ $0 >= 0.998 }) {
                break
            }
            // Only long answers have something left to find.
            measured.removeAll { exact[$0].count <= RecallCurve.commonLimit }
        }
        recallCurve = RecallCurve(.expansions, points: points, sampleCount: samples.count)
    }

    /// Nodes of level 0, spread over all ordinals.
    private func samples(without entry: EntryPoint) -> [UInt32] {
        RecallTruth.samples(of: indexedCount) { [self] row in
            unsafe graph.levels[row] == 0 && row != Int(entry.ordinal)
        }
    }

    /// How many of the k nearest other nodes a search finds that expands `ef`, for each of the first
    /// k of `RecallCurve.limits` that it is fit for and `exact` has distances for. A node counts that
    /// is no farther than the k-th nearest.
    private func hits(
        searching sample: UInt32, isHidden: Bool, ef: Int, entry: EntryPoint, _ exact: [Float]
    ) -> [Int] {
        let limits = RecallCurve.limits.filter {
            $0 <= max(RecallCurve.commonLimit, exact.count) && $0 <= ef * Self.limitsPerExpansion
        }
        return scratch.withScratch { scratch in
            let query = unsafe rows.query(vectorAt: Int(sample), codes: scratch.queryCodes)
            defer { scratch.clearVisited() }
            let start = descend(from: entry, to: 0, query: query, scratch)
            // The node itself takes a place, unless it is hidden.
            let own = isHidden ? 0 : 1
            var beam = scratch.beam(limit: max(ef, limits.last ?? 0) + own, reach: ef + own)
            if isHidden { _ = scratch.visit(sample) }
            var found: [Neighbour] = []
            return limits.enumerated().map { place, limit in
                // One walk serves all k: for more than `ef` it goes on where it ended for fewer. Of
                // its list a search for k neighbours has only the nearest k, or `ef`.
                if limit > ef || place == 0 {
                    beam.least = limit > ef ? limit + own : 0
                    traverse(level: 0, from: start, query: query, beam: &beam, scratch)
                    let most = limit > ef ? limit : limits.last { $0 <= ef } ?? limit
                    found = rows.answers(
                        beam, k: most + 1, from: query, scratch,
                        .nearest(max(ef, limit) + own)
                    ).filter { $0.ordinal != sample }
                }
                return RecallTruth.hits(among: found, exact, k: limit)
            }
        }
    }
}
