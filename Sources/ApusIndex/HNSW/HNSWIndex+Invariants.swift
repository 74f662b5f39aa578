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

extension HNSWIndex {
    /// The first row whose codes are not those of its vector; nil: there is none. O(rows).
    package func firstRowWithOtherCodes() -> Int? {
        guard let codes else { return nil }
        return (0..<indexedCount).first { ordinal in
            guard unsafe graph.levels[ordinal] != HNSWGraph.absent else { return false }
            return unsafe vectors.withFloats(ordinal..<ordinal + 1, under: parameters.metric) {
                floats, _ in
                unsafe !codes.hasRow(ordinal, of: floats)
            }
        }
    }

    /// Whether the links lead to near rows, as those of a graph over these vectors do and those of
    /// a graph that was built for others do not. A sample is looked at; nil: there are too few
    /// nodes to tell, or they are compared by inner products and of very different lengths: the longest
    /// are near to everybody then, and the links that make the others reachable lead to far ones.
    ///
    /// Of a node's links about all are nearer than the median of arbitrary rows; in a graph of
    /// other vectors half of them are.
    package func fitsVectors() -> Bool? {
        let count = indexedCount
        guard count >= 16 * graph.capacity0 else { return nil }
        let step = max(1, count / 200)
        if rows.kernel.metric == .dot, hasLongAndShortVectors(step: step) { return nil }
        var nearer = 0
        var all = 0
        for ordinal in stride(from: 0, to: count, by: step)
        where unsafe graph.levels[ordinal] != HNSWGraph.absent {
            let node = UInt32(truncatingIfNeeded: ordinal)
            let query = unsafe vectors.row(ordinal)
            var arbitrary: [Float] = []
            // Rows at a stride that has no common factor with the sample's.
            for index in 0..<32 {
                let other = (ordinal + (index + 1) * (count / 33) + index) % count
                guard unsafe graph.levels[other] != HNSWGraph.absent, other != ordinal else {
                    continue
                }
                arbitrary.append(unsafe distance(query, UInt32(truncatingIfNeeded: other)))
            }
            guard !arbitrary.isEmpty else { continue }
            let median = arbitrary.sorted()[arbitrary.count / 2]
            for link in graph.neighbours(node, level: 0) {
                all += 1
                if unsafe distance(query, link) <= median { nearer += 1 }
            }
        }
        return nearer * 4 >= all * 3
    }

    /// Whether of every tenth vector the length is less than a third of another tenth's.
    private func hasLongAndShortVectors(step: Int) -> Bool {
        let squares = stride(from: 0, to: indexedCount, by: step).compactMap { ordinal -> Float? in
            guard unsafe graph.levels[ordinal] != HNSWGraph.absent else { return nil }
            return unsafe -distance(vectors.row(ordinal), UInt32(truncatingIfNeeded: ordinal))
        }.sorted()
        guard let short = squares.dropFirst(squares.count / 10).first,
            let long = squares.dropLast(squares.count / 10).last
        else { return false }
        return long > 9 * short
    }

    private func distance(_ query: UnsafeRawPointer, _ row: UInt32) -> Float {
        unsafe rows.kernel.distance(
            query, vectors.row(Int(row)), dimension: vectors.dimension)
    }
}
