package import ApusCore
private import Foundation

extension HNSWIndex {
    package func walkOrder(pool: WorkerPool) -> [UInt32] {
        switch ProcessInfo.processInfo.environment["APUS_ORDER"] {
        case "none": return (0..<UInt32(indexedCount)).map { $0 }
        case "dfs": return depthFirst()
        case "mixed": return mixed(pool: pool)
        default: return byUpperNodes(pool: pool)
        }
    }

    func sortedLinks(_ node: UInt32, level: Int, _ scratch: SearchScratch) -> [UInt32] {
        let links = graph.neighbours(node, level: level)
        let query = unsafe rows.query(row: Int(node), codes: scratch.queryCodes)
        let distances = unsafe scratch.distances
        unsafe links.withUnsafeBufferPointer { ids in
            guard let start = ids.baseAddress else { return }
            unsafe rows.distances(from: query, to: start, count: ids.count, into: distances)
        }
        return links.indices.map { unsafe NeighbourKey(distance: distances[$0], ordinal: links[$0]) }
            .sorted().map(\.ordinal)
    }

    func depthFirst() -> [UInt32] {
        var order: [UInt32] = []
        var seen = [Bool](repeating: false, count: indexedCount)
        scratch.withScratch { scratch in
            var stack: [UInt32] = []
            for root in [entry?.ordinal ?? 0] + (0..<UInt32(indexedCount)) {
                stack.append(root)
                while let node = stack.popLast() {
                    if seen[Int(node)] { continue }
                    seen[Int(node)] = true
                    order.append(node)
                    if unsafe graph.levels[Int(node)] == HNSWGraph.absent { continue }
                    for link in sortedLinks(node, level: 0, scratch).reversed() where !seen[Int(link)] {
                        stack.append(link)
                    }
                }
            }
        }
        return order
    }

    /// Depth first, but only inside of the neighbourhood of one node of level 1 at a time.
    func mixed(pool: WorkerPool) -> [UInt32] {
        let tree = byUpperNodes(pool: pool)
        // groups: a run from one node of level >= 1 to the next
        var order: [UInt32] = []
        var group = [UInt32](repeating: 0, count: indexedCount)
        var current: UInt32 = 0
        var members: [[UInt32]] = []
        for node in tree {
            let level = unsafe graph.levels[Int(node)]
            if level == HNSWGraph.absent { continue }
            if level >= 1 || members.isEmpty { current = UInt32(members.count); members.append([]) }
            group[Int(node)] = current
            members[Int(current)].append(node)
        }
        var seen = [Bool](repeating: false, count: indexedCount)
        scratch.withScratch { scratch in
            for (number, nodes) in members.enumerated() {
                for root in nodes {
                    var stack = [root]
                    while let node = stack.popLast() {
                        if seen[Int(node)] { continue }
                        seen[Int(node)] = true
                        order.append(node)
                        for link in sortedLinks(node, level: 0, scratch).reversed()
                        where !seen[Int(link)] && Int(group[Int(link)]) == number {
                            stack.append(link)
                        }
                    }
                }
            }
        }
        for node in 0..<UInt32(indexedCount) where !seen[Int(node)] { order.append(node) }
        return order
    }

    func byUpperNodes(pool: WorkerPool) -> [UInt32] {
        guard let entry else { return (0..<UInt32(indexedCount)).map { $0 } }
        let count = indexedCount
        let parents = NearestNodes(count: count)
        let chunk = 256
        pool.perform(iterations: (count + chunk - 1) / chunk) { [self] piece in
            scratch.withScratch { scratch in
                for node in piece * chunk..<min(count, (piece + 1) * chunk) {
                    let level = unsafe graph.levels[node]
                    guard level != HNSWGraph.absent, Int(level) < entry.level else { continue }
                    let query = unsafe rows.query(row: node, codes: scratch.queryCodes)
                    unsafe parents.keys[node] = descend(
                        from: entry, to: Int(level), query: query, scratch)
                }
            }
        }
        var levels = [[UInt32]](repeating: [], count: entry.level + 1)
        var absent: [UInt32] = []
        for node in 0..<UInt32(count) {
            let level = unsafe graph.levels[Int(node)]
            if level == HNSWGraph.absent { absent.append(node) } else { levels[Int(level)].append(node) }
        }
        var order = levels[entry.level]
        var place = [UInt32](repeating: 0, count: count)
        for level in (0..<entry.level).reversed() {
            for (index, node) in order.enumerated() { place[Int(node)] = UInt32(index) }
            var children = levels[level].map { node in
                unsafe (place[Int(parents.keys[Int(node)].ordinal)], NeighbourKey(distance: parents.keys[Int(node)].distance, ordinal: node))
            }
            children.sort { $0 < $1 }
            var next: [UInt32] = []
            next.reserveCapacity(order.count + children.count)
            var child = 0
            for (index, node) in order.enumerated() {
                next.append(node)
                while child < children.count, children[child].0 == index {
                    next.append(children[child].1.ordinal)
                    child += 1
                }
            }
            order = next
        }
        return order + absent
    }
}

@safe
private final class NearestNodes: @unchecked Sendable {
    let keys: UnsafeMutablePointer<NeighbourKey>
    init(count: Int) {
        unsafe keys = .allocate(capacity: max(1, count))
        unsafe keys.initialize(repeating: NeighbourKey(distance: 0, ordinal: 0), count: count)
    }
    deinit { unsafe keys.deallocate() }
}
