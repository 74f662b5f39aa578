// In which order the rows of a file should lie.
//
// A walk goes from a node to the nearest of its neighbours, measures all of their neighbours, and so
// on. When rows lie as they came, each of these is somewhere else in memory. A walk of the whole
// graph, depth first and nearest links first, comes by near nodes one after the other; rows in that
// order share cache lines, pages and what the processor fetches ahead.
//
// docs/performance.md ("The order of rows") compares it with others, such as those of Coleman and
// others, "Graph Reordering for Cache-Efficient Near Neighbor Search" (2022): none is both cheaper
// and better.

extension HNSWIndex {
    /// Nodes between two pauses.
    private static var nodesPerPause: Int { 2048 }

    /// The ordinals below `indexedCount` in the order in which walks come by them: `result[i]` should
    /// be row i. Those that are no nodes come last, ascending.
    ///
    /// Nobody may insert meanwhile. The same graph gives the same order. O(links), with one distance
    /// for each and up to 4 bytes of memory. `pause` is called between pieces of the work of some
    /// milliseconds, and ends it by throwing.
    package func walkOrder(pause: () throws -> Void) rethrows -> [UInt32] {
        let count = UInt32(truncatingIfNeeded: indexedCount)
        let nodes = (0..<count).filter { unsafe graph.levels[Int($0)] != HNSWGraph.absent }
        var order: [UInt32] = []
        order.reserveCapacity(indexedCount)
        var isPlaced = [Bool](repeating: false, count: indexedCount)
        try scratch.withScratch { scratch in
            var waiting: [UInt32] = []
            // All but the entry point are for nodes that no link leads to.
            for start in (entry.map { [$0.ordinal] } ?? []) + nodes {
                waiting.append(start)
                while let node = waiting.popLast() {
                    if isPlaced[Int(node)] { continue }
                    isPlaced[Int(node)] = true
                    order.append(node)
                    if order.count % Self.nodesPerPause == 0 { try pause() }
                    waiting += linksFarthestFirst(of: node, scratch).lazy.filter {
                        !isPlaced[Int($0)]
                    }
                }
            }
        }
        return order + (0..<count).filter { !isPlaced[Int($0)] }
    }

    /// The links of level 0.
    private func linksFarthestFirst(of node: UInt32, _ scratch: SearchScratch) -> [UInt32] {
        let links = graph.neighbours(node, level: 0)
        let distances = unsafe scratch.distances
        let query = unsafe rows.query(row: Int(node), codes: scratch.queryCodes)
        unsafe links.withUnsafeBufferPointer { ids in
            guard let start = ids.baseAddress else { return }
            unsafe rows.distances(from: query, to: start, count: ids.count, into: distances)
        }
        return links.indices.map { place in
            unsafe NeighbourKey(distance: distances[place], ordinal: links[place])
        }.sorted(by: >).map(\.ordinal)
    }
}
