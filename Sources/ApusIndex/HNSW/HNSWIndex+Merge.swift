package import ApusCore
package import ApusKernels
private import Synchronization

// How a graph outlives its deleted nodes.
//
// A merge starts from the graph of one segment. Its live nodes get new ordinals, its dead ones go,
// and every node that linked to a dead one is repaired: the nodes that could be reached through
// the dead one become candidates for the places that it leaves, and are chosen with the heuristic
// of insertion (`HNSWIndex+Selection.swift`). This is the repair of FreshDiskANN (Singh and others,
// 2021, algorithm 4) for every level of the graph, with one difference: links that still lead
// somewhere stay, as they were chosen by a search of the whole graph, which knew more than a repair
// does. Chains of dead nodes are followed up to a bound.
//
// A node that lost more than 40% of its links at level 0, or whose dead neighbours had more dead
// than live ones, is linked anew, as if it were inserted: where a whole region was deleted, its
// border has little left to repair from, and new nearest neighbours lie beyond the hole. On the
// levels above, every node that lost links is linked anew: they are few, and lead the way.
//
// Then the rows of the other segments are inserted as ever, and `connectUnreachable()` ends it.
// Nothing depends on which thread does what, so the bytes are the same for any number of threads.

extension HNSWIndex {
    /// Dead nodes that the repair of one node looks through on one level.
    private static var deadVisitedMax: Int { 64 }

    /// Candidates that the repair of one node measures on one level; a block of scratch memory.
    private static var repairCandidatesMax: Int { 192 }

    /// Nodes that one job repairs.
    private static var repairChunk: Int { 64 }

    /// Whether a merge should start from this graph, of whose nodes `survivorCount` live, or
    /// better insert every row into a new one.
    ///
    /// Measured on 20,000 text embeddings (384 floats) and image descriptors (128), ef 64: with 30%
    /// dead, at random or in one region, the repaired graph has the recall of a new one within
    /// 0.001; from 50% on repair takes longer than insertion.
    package func isWorthKeeping(survivorCount: Int) -> Bool { survivorCount * 2 >= indexedCount }

    /// An index that begins with the nodes of this one that live, repaired.
    ///
    /// `survivors` are their ordinals here, each once; the node `survivors[i]` becomes node i, and
    /// row i of `vectors`, and of `codes` if there are any, is its vector. All of them must be below
    /// `indexedCount`; where they are all ordinals, this only numbers the nodes anew. There is room for
    /// `capacity` ordinals, so that `insert` can go on after the survivors; `connectUnreachable()`
    /// has to follow. Nobody may insert into this index meanwhile, searches may run. O(links), some
    /// hundred distances for each node that lost neighbours, and an insertion for each that lost
    /// most of them. Deterministic. Once `isCancelled` says so, what is left is skipped and the
    /// result is of no use.
    package func withoutDeadNodes(
        survivors: [UInt32], vectors: VectorSpace, codes: CodeSpace? = nil, capacity: Int,
        owner: (any AnyObject & Sendable)?, pool: WorkerPool,
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KernelError) -> HNSWIndex {
        precondition(survivors.count <= capacity, "\(survivors.count) nodes, room for \(capacity)")
        let merged = try HNSWIndex(
            parameters: parameters, vectors: vectors, codes: codes, capacity: capacity,
            owner: owner)
        let renumbering = try Renumbering(survivors: survivors, oldCount: indexedCount)
        let entry = merged.adoptLevels(of: self, survivors)
        let chunk = Self.repairChunk
        let chunks = (survivors.count + chunk - 1) / chunk
        let damaged = Mutex<[DamagedNode]>([])
        pool.perform(iterations: chunks) { [self] index in
            guard !isCancelled() else { return }
            merged.scratch.withScratch { scratch in
                var found: [DamagedNode] = []
                for ordinal in (index * chunk)..<min(survivors.count, (index + 1) * chunk) {
                    found += merged.adoptLinks(
                        of: survivors[ordinal], in: self,
                        as: UInt32(truncatingIfNeeded: ordinal), renumbering, scratch)
                }
                if !found.isEmpty { damaged.withLock { $0 += found } }
            }
        }
        merged.publish(indexedCount: survivors.count, entry: entry)
        let nodes = damaged.withLock { $0 }
        for level in (0...HNSWParameters.levelMax).reversed() {
            let onLevel = nodes.filter { $0.level == level }.map(\.node).sorted()
            for start in stride(from: 0, to: onLevel.count, by: Self.batchSize)
            where !isCancelled() {
                let end = min(onLevel.count, start + Self.batchSize)
                merged.relink(Array(onLevel[start..<end]), level: level, pool)
            }
        }
        return merged
    }

    /// Gives the survivors their old levels; returns the entry point: the old one if it lives,
    /// otherwise the first of the highest nodes.
    private func adoptLevels(of old: HNSWIndex, _ survivors: [UInt32]) -> EntryPoint? {
        var nextBlock = 0
        var entry: EntryPoint?
        for (ordinal, survivor) in survivors.enumerated() {
            var level = unsafe old.graph.levels[Int(survivor)]
            if level != HNSWGraph.absent, nextBlock + Int(level) > graph.upperCapacity {
                level = 0
            }
            unsafe graph.levels[ordinal] = level
            unsafe graph.upperStart[ordinal] = UInt32(truncatingIfNeeded: nextBlock)
            guard level != HNSWGraph.absent else { continue }
            nextBlock += Int(level)
            let isOldEntry = survivor == old.entry?.ordinal
            if Int(level) > entry?.level ?? -1 || isOldEntry && Int(level) == entry?.level {
                entry = EntryPoint(
                    ordinal: UInt32(truncatingIfNeeded: ordinal), level: Int(level))
            }
        }
        return entry
    }

    /// Writes the links of one node on all of its levels; returns on which it should be linked
    /// anew.
    private func adoptLinks(
        of old: UInt32, in source: HNSWIndex, as node: UInt32, _ renumbering: Renumbering,
        _ scratch: SearchScratch
    ) -> [DamagedNode] {
        let top = unsafe graph.levels[Int(node)]
        guard top != HNSWGraph.absent else {
            store([], of: node, level: 0)
            return []
        }
        var damaged: [DamagedNode] = []
        for level in 0...Int(top) {
            var links: [UInt32] = []
            var lost: [UInt32] = []
            for link in source.graph.neighbours(old, level: level) {
                // A level that was cut for want of room is no place to link to.
                if let new = renumbering[link], unsafe Int(graph.levels[Int(new)]) >= level {
                    links.append(new)
                } else {
                    lost.append(link)
                }
            }
            if !lost.isEmpty {
                let (candidates, isAtHole) = candidates(
                    behind: lost, besides: links, of: node, level: level, in: source,
                    renumbering, scratch)
                // Upper levels have few nodes, and lead searches to the right region.
                if level > 0 || isAtHole || lost.count * 3 > links.count * 2 {
                    damaged.append(DamagedNode(level: level, node: node))
                }
                links += repairs(
                    of: node, level: level, links: links, candidates, count: lost.count, scratch)
            }
            store(links, of: node, level: level)
        }
        return damaged
    }

    /// Replaces a node's links, and fills the rest of its block as the format wants it.
    private func store(_ links: [UInt32], of node: UInt32, level: Int) {
        let stride = level == 0 ? graph.stride0 : graph.upperStride
        unsafe links.withUnsafeBufferPointer { links in
            let block = unsafe graph.block(node, level: level)
            // Nothing is read for an empty list, so any address will do.
            let start = unsafe links.baseAddress ?? UnsafePointer(graph.links0)
            unsafe LinkBlock.store(start, count: links.count, to: block, capacity: stride)
        }
    }

    /// The candidates that take the places of `count` lost links. What insertion chose stays; the
    /// heuristic chooses as if it saw all of them, and only its new choices count.
    private func repairs(
        of node: UInt32, level: Int, links: [UInt32], _ candidates: [UInt32], count: Int,
        _ scratch: SearchScratch
    ) -> [UInt32] {
        var keys = keys(of: candidates, from: node, scratch)
        keys += self.keys(of: links, from: node, scratch)
        keys.sort()
        let limit = graph.blockCapacity(level: level)
        let selected = select(keys, limit: limit, for: node, scratch)
        var chosen: [UInt32] = []
        for index in 0..<selected where chosen.count < count {
            let ordinal = unsafe scratch.selection[index].ordinal
            if !links.contains(ordinal) { chosen.append(ordinal) }
        }
        return chosen
    }

    /// The distances of nodes, at most a block of scratch memory of them, from `node`.
    private func keys(
        of ordinals: [UInt32], from node: UInt32, _ scratch: SearchScratch
    ) -> [NeighbourKey] {
        let distances = unsafe scratch.distances
        let query = unsafe rows.query(row: Int(node), codes: scratch.queryCodes)
        unsafe ordinals.withUnsafeBufferPointer { ids in
            guard let start = ids.baseAddress else { return }
            unsafe rows.distances(from: query, to: start, count: ids.count, into: distances)
        }
        return ordinals.indices.map { index in
            unsafe NeighbourKey(distance: distances[index], ordinal: ordinals[index])
        }
    }

    /// Live nodes that are reached through the dead ones in `lost`, without `node` and `known`; and
    /// whether those in `lost` have more dead neighbours than live ones.
    private func candidates(
        behind lost: [UInt32], besides known: [UInt32], of node: UInt32, level: Int,
        in source: HNSWIndex, _ renumbering: Renumbering, _ scratch: SearchScratch
    ) -> (found: [UInt32], isAtHole: Bool) {
        defer { scratch.clearVisited() }
        _ = scratch.visit(node)
        for link in known { _ = scratch.visit(link) }
        var found: [UInt32] = []
        var waiting = lost
        var next = 0
        // Live neighbours less dead ones.
        var balance = 0
        while next < waiting.count, found.count < Self.repairCandidatesMax {
            let dead = waiting[next]
            next += 1
            let top = unsafe source.graph.levels[Int(dead)]
            guard top != HNSWGraph.absent, Int(top) >= level else { continue }
            for link in source.graph.neighbours(dead, level: level) {
                let new = renumbering[link]
                if next <= lost.count { balance += new == nil ? -1 : 1 }
                if let new {
                    if unsafe Int(graph.levels[Int(new)]) >= level, scratch.visit(new),
                        found.count < Self.repairCandidatesMax
                    {
                        found.append(new)
                    }
                } else if waiting.count < Self.deadVisitedMax, !waiting.contains(link) {
                    waiting.append(link)
                }
            }
        }
        return (found, balance < 0)
    }
}

// MARK: - Nodes that are linked anew

extension HNSWIndex {
    /// Links nodes on a level anew, `batchSize` at most: all of them search the graph as it stood
    /// before, then their links and the reverse edges are written.
    private func relink(_ nodes: [UInt32], level: Int, _ pool: WorkerPool) {
        let capacity = graph.blockCapacity(level: level)
        let edges = EdgeList(count: nodes.count * capacity)
        pool.perform(iterations: nodes.count) { [self] index in
            scratch.withScratch { scratch in
                unsafe findLinks(
                    of: nodes[index], level: level, into: edges.places + index * capacity, scratch)
            }
        }
        pool.perform(iterations: nodes.count) { [self] index in
            let own = (index * capacity..<(index + 1) * capacity).map { edges[$0] }
            store(
                own.filter { !$0.isNone }.map { $0.place.target }, of: nodes[index], level: level)
        }
        // A target that has the link already does not take it in again.
        pool.perform(iterations: nodes.count) { [self] index in
            for place in (index * capacity)..<((index + 1) * capacity) {
                let edge = edges[place]
                guard !edge.isNone else { continue }
                if graph.neighbours(edge.place.target, level: level).contains(edge.source) {
                    unsafe edges.places[place] = .none
                }
            }
        }
        edges.sort()
        let groups = edges.groups()
        pool.perform(iterations: groups.count - 1) { [self] group in
            scratch.withScratch { takeIn(edges, groups[group]..<groups[group + 1], $0) }
        }
    }

    /// Chooses links among those that the node has and the nearest nodes of a search, and writes
    /// the edge of each.
    private func findLinks(
        of node: UInt32, level: Int, into edges: UnsafeMutablePointer<Edge>,
        _ scratch: SearchScratch
    ) {
        guard let entry else { return }
        let query = unsafe rows.query(row: Int(node), codes: scratch.queryCodes)
        let start = descend(from: entry, to: level, query: query, scratch)
        var beam = scratch.beam(limit: parameters.efConstruct)
        traverse(level: level, from: start, query: query, beam: &beam, scratch)
        scratch.clearVisited()
        var found = (0..<beam.count).map { beam[$0] }.filter { $0.ordinal != node }
        let known = Set(found.map(\.ordinal))
        found += keys(
            of: graph.neighbours(node, level: level).filter { !known.contains($0) }, from: node,
            scratch)
        found.sort()
        let count = select(found, limit: graph.blockCapacity(level: level), for: node, scratch)
        for index in 0..<count {
            let key = unsafe scratch.selection[index]
            unsafe edges[index] = Edge(
                level: level, target: key.ordinal, distance: key.distance, source: node)
        }
    }
}

/// A node that is to be linked anew on a level.
private struct DamagedNode {
    let level: Int
    let node: UInt32
}

/// From old ordinals to new ones.
@safe
private final class Renumbering: @unchecked Sendable {
    // Sendable: written in init only.
    private let memory: ReservedMemory
    private let new: UnsafeMutablePointer<UInt32>

    /// `survivors` become 0, 1, 2, …; the other ordinals below `oldCount` are dead.
    init(survivors: [UInt32], oldCount: Int) throws(KernelError) {
        memory = try ReservedMemory(byteCount: oldCount * 4)
        unsafe new = memory.base.assumingMemoryBound(to: UInt32.self)
        unsafe new.update(repeating: .max, count: oldCount)
        for (ordinal, survivor) in survivors.enumerated() {
            precondition(Int(survivor) < oldCount, "node \(survivor) of \(oldCount)")
            unsafe new[Int(survivor)] = UInt32(truncatingIfNeeded: ordinal)
        }
    }

    subscript(old: UInt32) -> UInt32? {
        let ordinal = unsafe new[Int(old)]
        return ordinal == .max ? nil : ordinal
    }
}
