private import ApusCore
private import ApusKernels

extension HNSWIndex {
    /// What is wrong with the graph, one sentence each; empty when nothing is. For tests: O(links),
    /// and nobody may insert meanwhile.
    ///
    /// On every level of every node: no more links than allowed, to nodes that exist on that level,
    /// none to itself, none twice. The entry point is a node of its level, and no node is higher.
    /// With `isConnected` also: every node is reachable from the entry point at level 0
    /// (`connectUnreachable()` sees to that).
    package func checkInvariants(isConnected: Bool = true) -> [String] {
        let count = indexedCount
        var faults: [String] = []
        var nodeCount = 0
        for ordinal in 0..<count {
            let top = unsafe graph.levels[ordinal]
            let node = UInt32(truncatingIfNeeded: ordinal)
            if top == HNSWGraph.absent {
                let links = graph.neighbours(node, level: 0)
                if !links.isEmpty { faults.append("\(ordinal) is no node and has links") }
                continue
            }
            nodeCount += 1
            if Int(top) > entry?.level ?? -1 {
                faults.append("\(ordinal) is at level \(top), above the entry point")
            }
            for level in 0...Int(top) { faults += linkFaults(of: node, level: level, count: count) }
        }
        guard let entry else {
            return nodeCount == 0 ? faults : faults + ["\(nodeCount) nodes and no entry point"]
        }
        if unsafe Int(graph.levels[Int(entry.ordinal)]) != entry.level {
            faults.append("entry point \(entry) is not at its level")
        }
        if isConnected {
            var reached = Bitmap(count: count)
            spread(from: entry.ordinal, into: &reached)
            if reached.cardinality != nodeCount {
                faults.append("\(nodeCount - reached.cardinality) nodes cannot be reached")
            }
        }
        return faults
    }

    private func linkFaults(of node: UInt32, level: Int, count: Int) -> [String] {
        let links = graph.neighbours(node, level: level)
        var faults: [String] = []
        if links.count > parameters.linkCapacity(level: level) {
            faults.append("\(node) has \(links.count) links at level \(level)")
        }
        if Set(links).count != links.count {
            faults.append("\(node) has a link twice at level \(level)")
        }
        for link in links {
            if link == node {
                faults.append("\(node) links to itself at level \(level)")
            } else if Int(link) >= count {
                faults.append("\(node) links to \(link) of \(count) at level \(level)")
            } else {
                let top = unsafe graph.levels[Int(link)]
                if top == HNSWGraph.absent || Int(top) < level {
                    faults.append("\(node) links to \(link), no node at level \(level)")
                }
            }
        }
        return faults
    }
}
