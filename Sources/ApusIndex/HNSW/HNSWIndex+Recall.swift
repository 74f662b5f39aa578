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
    /// Searches of which a curve is the mean. The standard error of a recall@10 of 0.95 is 0.004.
    private static var sampleCount: Int { 512 }
    /// Below this many rows there is no curve: searches compare them all.
    private static var curveRowsMin: Int { 1000 }
    /// Samples that share a pass over the vectors.
    private static var samplesPerPass: Int { 32 }
    private static var candidateLists: [Int] {
        [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]
    }

    /// Measures the curve of the nodes so far and keeps it as `recallCurve`, unless they are few.
    ///
    /// Nobody may insert meanwhile. The same graph gives the same curve. O(512 × (rows + the
    /// candidate lists) × dimension), on the threads of `pool` and the caller's.
    package func measureRecall(pool: WorkerPool) {
        guard let entry, indexedCount >= Self.curveRowsMin else { return }
        let samples = samples(without: entry)
        let passCount = (samples.count + Self.samplesPerPass - 1) / Self.samplesPerPass
        let exact = pool.map(iterations: passCount) { [self] pass in
            let rest = samples.dropFirst(pass * Self.samplesPerPass)
            return nearestDistances(of: Array(rest.prefix(Self.samplesPerPass)))
        }.flatMap(\.self)
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
        let count = indexedCount
        var samples: [UInt32] = []
        for sample in 0..<Self.sampleCount {
            // Not at equal distances, which rows that come in turns would fall in step with.
            let start = sample * count / Self.sampleCount
            let end = (sample + 1) * count / Self.sampleCount
            guard start < end else { continue }
            let offset = Int(UInt32(truncatingIfNeeded: sample) &* 2_654_435_761) % (end - start)
            for step in 0..<(end - start) {
                let row = start + (offset + step) % (end - start)
                if unsafe graph.levels[row] == 0 && row != Int(entry.ordinal) {
                    samples.append(UInt32(truncatingIfNeeded: row))
                    break
                }
            }
        }
        return samples
    }

    /// For each sample the distances of the nearest other nodes, ascending.
    private func nearestDistances(of samples: [UInt32]) -> [[Float]] {
        let blockSize = 64
        let limit = RecallCurve.limits.max() ?? 0
        let places = UnsafeMutablePointer<NeighbourKey>.allocate(capacity: limit * samples.count)
        let distances = UnsafeMutablePointer<Float>.allocate(capacity: blockSize)
        defer {
            unsafe places.deallocate()
            unsafe distances.deallocate()
        }
        var beams = samples.indices.map { index in
            unsafe SearchBeam(keys: places + index * limit, limit: limit)
        }
        var start = 0
        while start < indexedCount {
            let count = min(blockSize, indexedCount - start)
            for (beam, sample) in samples.enumerated() {
                unsafe rows.kernel.distances(
                    from: vectors.row(Int(sample)), toRowsFrom: start, count: count, in: vectors,
                    into: distances)
                for offset in 0..<count {
                    let row = start + offset
                    let key = unsafe NeighbourKey(
                        distance: distances[offset], ordinal: UInt32(truncatingIfNeeded: row))
                    guard key < beams[beam].bound, row != Int(sample),
                        unsafe graph.levels[row] != HNSWGraph.absent
                    else { continue }
                    beams[beam].insert(key)
                }
            }
            start += count
        }
        return beams.map { beam in (0..<beam.count).map { beam[$0].distance } }
    }

    /// How many of the k nearest other nodes a search finds, for each k up to `ef`. A node counts
    /// that is no farther than the k-th nearest.
    private func hits(
        searching sample: UInt32, isHidden: Bool, ef: Int, entry: EntryPoint, _ exact: [Float]
    ) -> [Int] {
        scratch.withScratch { scratch in
            let query = unsafe rows.query(vectors.row(Int(sample)), codes: scratch.queryCodes)
            defer { scratch.clearVisited() }
            let start = descend(from: entry, to: 0, query: query, scratch)
            // The node itself takes a place, unless it is hidden.
            var beam = scratch.beam(limit: isHidden ? ef : ef + 1)
            if isHidden { _ = scratch.visit(sample) }
            traverse(level: 0, from: start, query: query, beam: &beam, scratch)
            let limits = RecallCurve.limits.filter { $0 <= ef }
            let found = rows.exactly(beam, k: (limits.last ?? 0) + 1, from: query, scratch)
                .filter { $0.ordinal != sample }
            return limits.map { limit in
                guard exact.count >= limit else { return limit }
                let farthest = exact[limit - 1]
                return found.prefix(limit).count(where: { $0.distance <= farthest })
            }
        }
    }
}
