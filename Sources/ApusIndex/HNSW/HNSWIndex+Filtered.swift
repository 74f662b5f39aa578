private import ApusKernels

// Level 0 when not every node may be returned.
//
// Two ways, for the planner to choose. A walk *through* refused nodes measures them like any other
// and leaves them out of the answer: the more are refused the more it measures in vain, but it sees
// the whole graph. A walk *around* them goes over the admitted nodes alone and takes two links where
// one leads to a refused node: that costs a look at links and no distance, at some loss of recall
// for the same `ef`. Where few nodes are admitted neither is as good as measuring them all.

extension HNSWIndex {
    /// Fills `beam` with admitted nodes, from `start` on.
    func traverse(
        from start: NeighbourKey, query: IndexRows.Query, beam: inout SearchBeam,
        _ test: borrowing AdmissionTest, skipsRefused: Bool, entry: EntryPoint,
        atLeast count: Int, _ scratch: SearchScratch
    ) {
        if skipsRefused {
            traverseAround(from: start, query: query, beam: &beam, test, scratch)
            if beam.count >= count || scratch.watch?.stops ?? false { return }
            // The admitted nodes lie too far apart for steps of two links.
            scratch.clearVisited()
            beam.removeAll()
        }
        traverseThrough(from: start, query: query, results: &beam, test, scratch)
        if !beam.isFull {
            // All nodes are reachable from the entry point, but not from every node.
            let entry = rows.key(of: entry.ordinal, from: query)
            traverseThrough(from: entry, query: query, results: &beam, test, scratch)
        }
    }

    /// A walk over the admitted nodes alone, whose neighbours are their admitted neighbours and
    /// those that are reached through the others (ACORN-1: Patel and others, "ACORN: Performant and
    /// predicate-agnostic search over vector embeddings and structured data", 2024, section 5.2).
    private func traverseAround(
        from start: NeighbourKey, query: IndexRows.Query, beam: inout SearchBeam,
        _ test: borrowing AdmissionTest, _ scratch: SearchScratch
    ) {
        let graph = graph
        let rows = rows
        let ids = unsafe scratch.ids
        let distances = unsafe scratch.distances
        guard scratch.visit(start.ordinal) else { return }
        if test.admits(Int(start.ordinal)) { beam.insert(start) }
        var next: UInt32? = start.ordinal
        if beam.count > 0 { next = beam.expandNearest() }
        var steps = 0
        while let node = next {
            steps &+= 1
            if scratch.stops(after: steps) { break }
            let count = unsafe LinkBlock.gatherAdmitted(
                graph.links0, stride: graph.stride0, capacity: graph.capacity0, node: node,
                visited: scratch.visited, end: test.end, filter: test.filter,
                deletedAt: test.deletedAt, readLSN: test.readLSN, limit: graph.capacity0,
                rows: query.base, rowStride: query.stride,
                prefetchedLines: HNSWIndex.gatherPrefetchedLines, into: ids,
                trail: scratch.trail, trailCount: &scratch.trailCount)
            unsafe rows.distances(from: query, to: ids, count: count, into: distances)
            scratch.measuredCount &+= count
            for index in 0..<count {
                let key = unsafe NeighbourKey(distance: distances[index], ordinal: ids[index])
                if key < beam.bound, beam.insert(key) {
                    unsafe LinkBlock.prefetch(
                        graph.block(key.ordinal, level: 0), capacity: graph.capacity0)
                }
            }
            next = beam.expandNearest()
        }
    }

    /// The candidates to expand and the admitted results are two sets, and only the second is
    /// bounded.
    private func traverseThrough(
        from start: NeighbourKey, query: IndexRows.Query, results: inout SearchBeam,
        _ test: borrowing AdmissionTest, _ scratch: SearchScratch
    ) {
        let graph = graph
        let rows = rows
        let distances = unsafe scratch.distances
        scratch.waitingCount = 0
        guard scratch.visit(start.ordinal) else { return }
        scratch.pushWaiting(start)
        if test.admits(Int(start.ordinal)) { results.insert(start) }
        var steps = 0
        while let nearest = scratch.popWaiting() {
            if nearest > results.reachBound { break }
            steps &+= 1
            if scratch.stops(after: steps) { break }
            let ids = unsafe scratch.trail + scratch.trailCount
            let count = unsafe LinkBlock.gatherUnvisited(
                graph.block(nearest.ordinal, level: 0), capacity: graph.capacity0,
                visited: scratch.visited, rows: query.base, stride: query.stride,
                prefetchedLines: HNSWIndex.gatherPrefetchedLines, into: ids)
            scratch.trailCount &+= count
            if let next = scratch.nearestWaiting {
                unsafe LinkBlock.prefetch(
                    graph.block(next.ordinal, level: 0), capacity: graph.capacity0)
            }
            unsafe rows.distances(from: query, to: ids, count: count, into: distances)
            scratch.measuredCount &+= count
            for index in 0..<count {
                let key = unsafe NeighbourKey(distance: distances[index], ordinal: ids[index])
                guard key < results.bound else { continue }
                if key < results.reachBound { scratch.pushWaiting(key) }
                if test.admits(Int(key.ordinal)) { results.insert(key) }
            }
        }
    }
}
