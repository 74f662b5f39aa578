private import ApusCore
private import ApusKernels

extension HNSWIndex {
    /// The `k` nearest admitted nodes of `query`, best first; fewer when fewer were found.
    ///
    /// `query` is `[dimension]` floats as `DistanceKernel.prepare` returns them. `ef` is the
    /// paper's: how many candidates are kept, at least `k`. Nodes that are not admitted are passed
    /// through, and the search goes on until `ef` admitted ones are found or the graph is
    /// exhausted. Cost: about `ef` expanded nodes of `2m` distances each.
    package func search(
        _ query: [Float], k: Int, ef: Int, admission: Admission = .all
    ) -> [Neighbour] {
        precondition(
            query.count == parameters.dimension,
            "a query of \(query.count) floats in an index of \(parameters.dimension)")
        return unsafe query.withUnsafeBufferPointer { query in
            guard let start = query.baseAddress else { return [] }
            return unsafe search(start, k: k, ef: ef, admission: admission)
        }
    }

    private func search(
        _ query: UnsafePointer<Float>, k: Int, ef: Int, admission: Admission
    ) -> [Neighbour] {
        let count = indexedCount
        guard k > 0, let entry else { return [] }
        let k = min(k, count)
        let ef = min(max(ef, k), count)
        return scratch.withScratch { scratch in
            let start = unsafe descend(from: entry, to: 0, query: query, scratch)
            defer { scratch.clearVisited() }
            if admission.admitsAll(below: capacity) {
                var beam = scratch.beam(limit: ef)
                unsafe traverse(level: 0, from: start, query: query, beam: &beam, scratch)
                if beam.count < ef {
                    // All nodes are reachable from the entry point, but not from every node.
                    let entry = unsafe key(of: entry.ordinal, query)
                    unsafe traverse(level: 0, from: entry, query: query, beam: &beam, scratch)
                }
                return (0..<min(k, beam.count)).map { beam[$0].neighbour }
            }
            return admission.withTest(below: capacity) { test in
                var results = scratch.beam(limit: ef)
                unsafe traverseAdmitted(
                    from: start, query: query, results: &results, test, scratch)
                if results.count < ef {
                    let entry = unsafe key(of: entry.ordinal, query)
                    unsafe traverseAdmitted(
                        from: entry, query: query, results: &results, test, scratch)
                }
                return (0..<min(k, results.count)).map { results[$0].neighbour }
            }
        }
    }

    /// The nearest node found by walking greedily from the entry point down to the level above
    /// `level`, and its distance (the paper's search with ef = 1).
    func descend(
        from entry: EntryPoint, to level: Int, query: UnsafePointer<Float>,
        _ scratch: SearchScratch
    ) -> NeighbourKey {
        var nearest = unsafe key(of: entry.ordinal, query)
        var current = entry.level
        while current > level {
            nearest = unsafe walk(level: current, from: nearest, query: query, scratch)
            current -= 1
        }
        return nearest
    }

    func key(of node: UInt32, _ query: UnsafePointer<Float>) -> NeighbourKey {
        let row = unsafe vectors.row(Int(node))
        let distance = unsafe kernel.distance(query, row, dimension: vectors.dimension)
        return NeighbourKey(distance: distance, ordinal: node)
    }

    private func walk(
        level: Int, from start: NeighbourKey, query: UnsafePointer<Float>,
        _ scratch: SearchScratch
    ) -> NeighbourKey {
        var nearest = start
        while true {
            let block = unsafe graph.block(nearest.ordinal, level: level)
            let count = unsafe LinkBlock.load(
                block, capacity: graph.blockCapacity(level: level), into: scratch.ids)
            unsafe kernel.distances(
                from: query, to: scratch.ids, count: count, in: vectors, into: scratch.distances)
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
        level: Int, from start: NeighbourKey, query: UnsafePointer<Float>,
        beam: inout SearchBeam, _ scratch: SearchScratch
    ) {
        let graph = graph
        let kernel = kernel
        let vectors = vectors
        let capacity = graph.blockCapacity(level: level)
        let trail = unsafe scratch.trail
        let visited = unsafe scratch.visited
        let distances = unsafe scratch.distances
        if scratch.visit(start.ordinal) { beam.insert(start) }
        var trailCount = scratch.trailCount
        while let node = beam.expandNearest() {
            let block = unsafe graph.block(node, level: level)
            let ids = unsafe trail + trailCount
            let count = unsafe LinkBlock.gatherUnvisited(
                block, capacity: capacity, visited: visited, space: vectors,
                prefetchedLines: HNSWIndex.gatherPrefetchedLines, into: ids)
            trailCount &+= count
            // The nearest of the rest is expanded next, unless a nearer one turns up.
            if let next = beam.nextToExpand {
                unsafe LinkBlock.prefetch(graph.block(next, level: level), capacity: capacity)
            }
            unsafe kernel.distances(
                from: query, to: ids, count: count, in: vectors, into: distances)
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

    /// Level 0 when not every node may be returned: the candidates to expand and the admitted
    /// results are two sets, and only the second is bounded by `ef`.
    private func traverseAdmitted(
        from start: NeighbourKey, query: UnsafePointer<Float>, results: inout SearchBeam,
        _ test: borrowing AdmissionTest, _ scratch: SearchScratch
    ) {
        let graph = graph
        let kernel = kernel
        let vectors = vectors
        let distances = unsafe scratch.distances
        scratch.waitingCount = 0
        guard scratch.visit(start.ordinal) else { return }
        scratch.pushWaiting(start)
        if test.admits(Int(start.ordinal)) { results.insert(start) }
        while let nearest = scratch.popWaiting() {
            if nearest > results.bound { break }
            let ids = unsafe scratch.trail + scratch.trailCount
            let count = unsafe LinkBlock.gatherUnvisited(
                graph.block(nearest.ordinal, level: 0), capacity: graph.capacity0,
                visited: scratch.visited, space: vectors,
                prefetchedLines: HNSWIndex.gatherPrefetchedLines, into: ids)
            scratch.trailCount &+= count
            if let next = scratch.nearestWaiting {
                unsafe LinkBlock.prefetch(
                    graph.block(next.ordinal, level: 0), capacity: graph.capacity0)
            }
            unsafe kernel.distances(
                from: query, to: ids, count: count, in: vectors, into: distances)
            for index in 0..<count {
                let key = unsafe NeighbourKey(distance: distances[index], ordinal: ids[index])
                guard key < results.bound else { continue }
                scratch.pushWaiting(key)
                if test.admits(Int(key.ordinal)) { results.insert(key) }
            }
        }
    }
}
