internal import ApusCore
private import ApusKernels

// Pruning may take away the last link that led to a node, and copies of one vector crowd each
// other out; such a node would never be found. A walk over level 0 finds them, and each gets a
// link from one of its nearest nodes that searches do reach.

extension HNSWIndex {
    /// Links every node that searches cannot reach at level 0; returns how many there were.
    ///
    /// To be called when the graph is complete, before it is encoded. Deterministic; not while
    /// another thread inserts; searches may run. O(links), and one search for each such node.
    @discardableResult
    package func connectUnreachable() -> Int {
        let count = indexedCount
        guard let entry else { return 0 }
        var reached = Bitmap(count: count)
        spread(from: entry.ordinal, into: &reached)
        var connected = 0
        for ordinal in 0..<count where unsafe graph.levels[ordinal] != HNSWGraph.absent {
            guard !reached[ordinal] else { continue }
            let node = UInt32(truncatingIfNeeded: ordinal)
            connect(node, from: entry, reached)
            spread(from: node, into: &reached)
            connected += 1
        }
        return connected
    }

    /// Marks `start` and all that is reachable from it at level 0 through unmarked nodes.
    func spread(from start: UInt32, into reached: inout Bitmap) {
        var waiting = [start]
        reached[Int(start)] = true
        while let node = waiting.popLast() {
            for next in graph.neighbours(node, level: 0) where !reached[Int(next)] {
                reached[Int(next)] = true
                waiting.append(next)
            }
        }
    }

    /// Links `node`, which no search reaches, from the nearest node that has room. When none has,
    /// the nearest gives up its last link for `node`, which takes that link over, so that nothing
    /// else gets lost.
    private func connect(_ node: UInt32, from entry: EntryPoint, _ reached: Bitmap) {
        let hosts = scratch.withScratch { scratch in
            defer { scratch.clearVisited() }
            let query = unsafe rows.query(row: Int(node), codes: scratch.queryCodes)
            var start = descend(from: entry, to: 0, query: query, scratch)
            // The upper levels may lead to nodes that level 0 does not.
            if !reached[Int(start.ordinal)] { start = rows.key(of: entry.ordinal, from: query) }
            var beam = scratch.beam(limit: parameters.efConstruct)
            traverse(level: 0, from: start, query: query, beam: &beam, scratch)
            return (0..<beam.count).map { beam[$0].ordinal }
        }
        for host in hosts {
            let links = graph.neighbours(host, level: 0)
            guard links.count < graph.capacity0 else { continue }
            store(links + [node], of: host)
            return
        }
        guard let nearest = hosts.first else { return }
        var links = graph.neighbours(nearest, level: 0)
        let displaced = links.removeLast()
        var own = graph.neighbours(node, level: 0)
        if !own.contains(displaced) {
            if own.count == graph.capacity0 { own.removeLast() }
            store(own + [displaced], of: node)
        }
        store(links + [node], of: nearest)
    }

    private func store(_ links: [UInt32], of node: UInt32) {
        unsafe links.withUnsafeBufferPointer { links in
            guard let start = links.baseAddress else { return }
            unsafe LinkBlock.store(
                start, count: links.count, to: graph.block(node, level: 0),
                capacity: graph.capacity0)
        }
    }
}
