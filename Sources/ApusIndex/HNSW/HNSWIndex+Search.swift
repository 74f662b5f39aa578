private import ApusCore
private import ApusKernels

extension HNSWIndex {
    /// The `k` nearest admitted nodes of `query`, best first, with their exact distances unless
    /// `rescoring` says otherwise; fewer when fewer were found.
    ///
    /// `query` is `[dimension]` floats as `DistanceKernel.prepare` returns them. `ef` is the
    /// paper's: how many candidates are kept. Below `k` it is how many of the nearest nodes are
    /// expanded, and the answer is the best of all that were measured on the way. Nodes that are not
    /// admitted are passed through, and the search goes on until `ef` admitted ones, and at least
    /// `k`, are found or the graph is exhausted; with `skipsRefused`, which is for few admitted
    /// ones, they are not measured. Cost: about `ef` expanded nodes of `2m` distances each, between codes if the
    /// index has any and `usesCodes` allows it, and some more than `k` between vectors.
    package func search(
        _ query: [Float], k: Int, ef: Int, admission: Admission = .all, usesCodes: Bool = true,
        skipsRefused: Bool = false, rescoring: Rescoring = .asNeeded, watch: SearchWatch? = nil
    ) -> [Neighbour] {
        precondition(
            query.count == parameters.dimension,
            "a query of \(query.count) floats in an index of \(parameters.dimension)")
        let count = indexedCount
        guard k > 0, let entry else { return [] }
        let k = min(k, count)
        let ef = min(max(ef, 1), count)
        return unsafe rows.kernel.withForms(of: query) { floats, row in
            scratch.withScratch(watch) { scratch in
                let query = unsafe rows.query(
                    floats, row, codes: scratch.queryCodes, usingCodes: usesCodes)
                defer { scratch.clearVisited() }
                return search(
                    query, k: k, ef: ef, from: entry, admission, skipsRefused: skipsRefused,
                    rescoring, scratch)
            }
        }
    }

    private func search(
        _ query: IndexRows.Query, k: Int, ef: Int, from entry: EntryPoint, _ admission: Admission,
        skipsRefused: Bool, _ rescoring: Rescoring, _ scratch: SearchScratch
    ) -> [Neighbour] {
        let start = descend(from: entry, to: 0, query: query, scratch)
        var beam = scratch.beam(limit: max(ef, k), reach: ef, least: k)
        if admission.admitsAll(below: capacity) {
            traverse(level: 0, from: start, query: query, beam: &beam, scratch)
            if !beam.isFull {
                // All nodes are reachable from the entry point, but not from every node.
                let entry = rows.key(of: entry.ordinal, from: query)
                traverse(level: 0, from: entry, query: query, beam: &beam, scratch)
            }
        } else {
            admission.withTest(below: capacity) { test in
                traverse(
                    from: start, query: query, beam: &beam, test, skipsRefused: skipsRefused,
                    entry: entry, atLeast: k, scratch)
            }
        }
        return rows.answers(beam, k: k, from: query, scratch, rescoring)
    }

    /// The nearest node found by walking greedily from the entry point down to the level above
    /// `level`, and its distance (the paper's search with ef = 1).
    func descend(
        from entry: EntryPoint, to level: Int, query: IndexRows.Query, _ scratch: SearchScratch
    ) -> NeighbourKey {
        var nearest = rows.key(of: entry.ordinal, from: query)
        var current = entry.level
        while current > level {
            nearest = walk(level: current, from: nearest, query: query, scratch)
            current -= 1
        }
        return nearest
    }

    private func walk(
        level: Int, from start: NeighbourKey, query: IndexRows.Query, _ scratch: SearchScratch
    ) -> NeighbourKey {
        var nearest = start
        while true {
            let block = unsafe graph.block(nearest.ordinal, level: level)
            let count = unsafe LinkBlock.load(
                block, capacity: graph.blockCapacity(level: level), into: scratch.ids)
            unsafe rows.distances(
                from: query, to: scratch.ids, count: count, into: scratch.distances)
            scratch.measuredCount &+= count
            let before = nearest
            for index in 0..<count {
                let key = unsafe NeighbourKey(
                    distance: scratch.distances[index], ordinal: scratch.ids[index])
                nearest = min(nearest, key)
            }
            if nearest == before { return nearest }
        }
    }

    /// Fills `beam` with the nearest nodes on a level (the paper's algorithm 2), from `start` on
    /// and from what is already in the beam.
    ///
    /// The caller clears the marks of visited nodes afterwards.
    func traverse(
        level: Int, from start: NeighbourKey, query: IndexRows.Query, beam: inout SearchBeam,
        _ scratch: SearchScratch
    ) {
        let graph = graph
        let rows = rows
        let capacity = graph.blockCapacity(level: level)
        let trail = unsafe scratch.trail
        let visited = unsafe scratch.visited
        let distances = unsafe scratch.distances
        if scratch.visit(start.ordinal) { beam.insert(start) }
        var trailCount = scratch.trailCount
        var steps = 0
        while let node = beam.expandNearest() {
            steps &+= 1
            if scratch.stops(after: steps) { break }
            let block = unsafe graph.block(node, level: level)
            let ids = unsafe trail + trailCount
            let count = unsafe LinkBlock.gatherUnvisited(
                block, capacity: capacity, visited: visited, rows: query.base,
                stride: query.stride, prefetchedLines: HNSWIndex.gatherPrefetchedLines, into: ids)
            trailCount &+= count
            scratch.measuredCount &+= count
            // The nearest of the rest is expanded next, unless a nearer one turns up.
            if let next = beam.nextToExpand {
                unsafe LinkBlock.prefetch(graph.block(next, level: level), capacity: capacity)
            }
            unsafe rows.distances(from: query, to: ids, count: count, into: distances)
            for index in 0..<count {
                let key = unsafe NeighbourKey(distance: distances[index], ordinal: ids[index])
                if key < beam.bound, beam.insert(key) {
                    unsafe LinkBlock.prefetch(
                        graph.block(key.ordinal, level: level), capacity: capacity)
                }
            }
        }
        scratch.trailCount = trailCount
    }

    /// Cache lines of a row that are asked for as soon as its id is known; the kernel asks for
    /// the others.
    static var gatherPrefetchedLines: Int { 1 }
}
