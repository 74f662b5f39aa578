package import ApusCore
private import ApusKernels

// How nodes are inserted, so that the graph depends on the data alone.
//
// Ordinals are cut into batches at fixed multiples. Each batch goes through three phases:
//
// 1. In parallel, each new node searches the graph as it stood before the batch, compares itself
//    with the nodes of its batch that have lower ordinals (exactly: they are few and lie in a
//    row), and chooses its neighbours among both (`HNSWIndex+Selection.swift`). It writes its own
//    blocks, which nothing refers to yet, and a list of the reverse edges that it wants.
// 2. The wanted edges are sorted by target, distance and source, and each target takes in its
//    own, in parallel: a block is written by one thread.
// 3. The entry point and the count are published.
//
// A node sees the same nodes as in the paper's one-by-one insertion; what differs is that the
// reverse edges of a batch arrive together. Nothing depends on which thread does what, so the
// bytes are the same for any number of threads.

extension HNSWIndex {
    /// Ordinals of a batch; batches end at its multiples, and at its binary fractions before the
    /// first.
    package static var batchSize: Int { 256 }

    /// Inserts the ordinals from `indexedCount` up to the last batch boundary that is not beyond
    /// `end`; with `finish`, up to `end` itself.
    ///
    /// The rows below `end` must be there. `isPresent` tells whether an ordinal has a vector in
    /// this field; one that has none is passed over. Deleted points should be inserted like any
    /// other, so that the graph depends on the data alone and not on when a delete arrived.
    /// Returns when all is published. One caller at a time; it blocks while `pool` and the calling
    /// thread work.
    package func insert(
        upTo end: Int, finish: Bool = false, isPresent: (Int) -> Bool = { _ in true },
        pool: WorkerPool
    ) {
        precondition(end <= capacity, "ordinal \(end) in an index of \(capacity)")
        var start = indexedCount
        while start < end {
            let boundary = Self.batchEnd(after: start)
            guard boundary <= end || finish else { return }
            let batchEnd = min(boundary, end)
            insertBatch(start..<batchEnd, isPresent: isPresent, pool: pool)
            start = batchEnd
        }
    }

    /// Where the batch that holds `ordinal` ends.
    static func batchEnd(after ordinal: Int) -> Int {
        if ordinal >= batchSize { return (ordinal / batchSize + 1) * batchSize }
        var end = 16
        while end <= ordinal { end *= 2 }
        return end
    }

    private func insertBatch(_ range: Range<Int>, isPresent: (Int) -> Bool, pool: WorkerPool) {
        let entry = entry
        let offsets = prepareNodes(range, isPresent: isPresent)
        let edges = EdgeList(count: offsets[range.count])
        pool.perform(iterations: range.count) { [self] index in
            scratch.withScratch { scratch in
                unsafe linkNode(
                    UInt32(truncatingIfNeeded: range.lowerBound + index),
                    batchStart: range.lowerBound, entry: entry,
                    edges: edges.places + offsets[index], scratch)
            }
        }
        edges.sort()
        let groups = edges.groups()
        let chunk = 16
        pool.perform(iterations: (groups.count - 1 + chunk - 1) / chunk) { [self] index in
            scratch.withScratch { scratch in
                for group in (index * chunk)..<min(groups.count - 1, (index + 1) * chunk) {
                    takeIn(edges, groups[group]..<groups[group + 1], scratch)
                }
            }
        }
        publish(indexedCount: range.upperBound, entry: highest(in: range, orElse: entry))
    }

    /// Writes levels and empty blocks of new nodes; returns where each node's edges start in the
    /// batch's list, and their number at the end.
    private func prepareNodes(_ range: Range<Int>, isPresent: (Int) -> Bool) -> [Int] {
        var nextBlock = upperBlockCount(below: range.lowerBound)
        var edgeCount = 0
        var offsets: [Int] = []
        offsets.reserveCapacity(range.count + 1)
        for ordinal in range {
            offsets.append(edgeCount)
            let id = UInt32(truncatingIfNeeded: ordinal)
            unsafe LinkBlock.store(
                graph.links0, count: 0, to: graph.block(id, level: 0), capacity: graph.stride0)
            guard isPresent(ordinal) else {
                unsafe graph.levels[ordinal] = HNSWGraph.absent
                continue
            }
            var level = parameters.level(of: ordinal)
            if nextBlock + level > graph.upperCapacity { level = 0 }
            unsafe graph.levels[ordinal] = UInt8(truncatingIfNeeded: level)
            unsafe graph.upperStart[ordinal] = UInt32(truncatingIfNeeded: nextBlock)
            for level in 0..<level {
                unsafe LinkBlock.store(
                    graph.links0, count: 0, to: graph.block(id, level: level + 1),
                    capacity: graph.upperStride)
            }
            nextBlock += level
            edgeCount += (level + 1) * parameters.m
        }
        offsets.append(edgeCount)
        return offsets
    }

    /// Phase 1 for one node (the paper's algorithm 1 without its reverse edges).
    private func linkNode(
        _ node: UInt32, batchStart: Int, entry: EntryPoint?, edges: UnsafeMutablePointer<Edge>,
        _ scratch: SearchScratch
    ) {
        let top = unsafe graph.levels[Int(node)]
        guard top != HNSWGraph.absent else { return }
        let query = unsafe rows.query(row: Int(node), codes: scratch.queryCodes)
        var nearest: NeighbourKey?
        if let entry { nearest = descend(from: entry, to: Int(top), query: query, scratch) }
        var edges = unsafe edges
        for level in (0...Int(top)).reversed() {
            var beam = scratch.beam(limit: parameters.efConstruct)
            if let entry, let start = nearest, level <= entry.level {
                traverse(level: level, from: start, query: query, beam: &beam, scratch)
                scratch.clearVisited()
                nearest = beam[0]
            }
            insertPeers(
                of: node, query, from: batchStart, level: level, into: &beam, scratch)
            let count = select(
                (0..<beam.count).lazy.map { beam[$0] }, limit: parameters.m, for: node, scratch)
            let ids = unsafe scratch.ids
            for index in 0..<count {
                let key = unsafe scratch.selection[index]
                unsafe ids[index] = key.ordinal
                unsafe edges[index] = Edge(
                    level: level, target: key.ordinal, distance: key.distance, source: node)
            }
            unsafe LinkBlock.store(
                ids, count: count, to: graph.block(node, level: level),
                capacity: graph.blockCapacity(level: level))
            unsafe edges += parameters.m
        }
    }

    /// Puts the nodes of the batch that have lower ordinals into the beam.
    private func insertPeers(
        of node: UInt32, _ query: IndexRows.Query, from batchStart: Int, level: Int,
        into beam: inout SearchBeam, _ scratch: SearchScratch
    ) {
        let count = Int(node) - batchStart
        guard count > 0 else { return }
        let distances = unsafe scratch.distances
        unsafe rows.distances(
            from: query, toRowsFrom: batchStart, count: count, into: distances)
        for index in 0..<count {
            let peerLevel = unsafe graph.levels[batchStart + index]
            guard peerLevel != HNSWGraph.absent, Int(peerLevel) >= level else { continue }
            beam.insert(
                unsafe NeighbourKey(
                    distance: distances[index],
                    ordinal: UInt32(truncatingIfNeeded: batchStart + index)))
        }
    }

    /// Phase 2 for one target: its list with the sources of `range` taken in, pruned when they are
    /// too many.
    func takeIn(_ edges: EdgeList, _ range: Range<Int>, _ scratch: SearchScratch) {
        let (level, target) = edges[range.lowerBound].place
        let capacity = graph.blockCapacity(level: level)
        let block = unsafe graph.block(target, level: level)
        let ids = unsafe scratch.ids
        var count = unsafe LinkBlock.load(block, capacity: capacity, into: ids)
        if count + range.count <= capacity {
            for index in range {
                unsafe ids[count] = edges[index].source
                count += 1
            }
        } else {
            let keys = unsafe scratch.places(count + range.count)
            let distances = unsafe scratch.distances
            let query = unsafe rows.query(row: Int(target), codes: scratch.queryCodes)
            unsafe rows.distances(from: query, to: ids, count: count, into: distances)
            for index in 0..<count {
                unsafe keys[index] = NeighbourKey(distance: distances[index], ordinal: ids[index])
            }
            for (index, edge) in range.enumerated() {
                unsafe keys[count + index] = edges[edge].key
            }
            var all = unsafe UnsafeMutableBufferPointer(start: keys, count: count + range.count)
            unsafe all.sort()
            count = unsafe select(all, limit: capacity, for: target, scratch)
            for index in 0..<count { unsafe ids[index] = scratch.selection[index].ordinal }
        }
        unsafe LinkBlock.store(ids, count: count, to: block, capacity: capacity)
    }

    /// The entry point after a batch: a new node that is higher than all before, or the old one.
    private func highest(in range: Range<Int>, orElse old: EntryPoint?) -> EntryPoint? {
        var best = old
        for ordinal in range {
            let level = unsafe graph.levels[ordinal]
            guard level != HNSWGraph.absent, Int(level) > best?.level ?? -1 else { continue }
            best = EntryPoint(ordinal: UInt32(truncatingIfNeeded: ordinal), level: Int(level))
        }
        return best
    }
}

/// A wanted link from `target` back to `source`; sorts by level, target, distance and source.
struct Edge: Comparable {
    /// The level in the upper half, the target in the lower; `.max` where there is no edge.
    private var location: UInt64
    /// The distance and the source.
    private(set) var key: NeighbourKey

    static var none: Edge { Edge() }

    private init() {
        location = .max
        key = 0
    }

    init(level: Int, target: UInt32, distance: Float, source: UInt32) {
        location = UInt64(level) << 32 | UInt64(target)
        key = NeighbourKey(distance: distance, ordinal: source)
    }

    var isNone: Bool { location == .max }
    var source: UInt32 { key.ordinal }
    var place: (level: Int, target: UInt32) {
        (Int(location >> 32), UInt32(truncatingIfNeeded: location))
    }

    func hasSamePlace(as other: Edge) -> Bool { location == other.location }

    static func < (left: Edge, right: Edge) -> Bool {
        left.location != right.location ? left.location < right.location : left.key < right.key
    }
}

/// The wanted edges of a batch; every node writes to places of its own.
@safe
final class EdgeList: @unchecked Sendable {
    // Sendable: while nodes are linked each place belongs to one of them; afterwards nobody writes.
    let places: UnsafeMutablePointer<Edge>
    private let count: Int

    init(count: Int) {
        self.count = count
        unsafe places = .allocate(capacity: max(1, count))
        unsafe places.initialize(repeating: .none, count: count)
    }

    deinit { unsafe places.deallocate() }

    subscript(index: Int) -> Edge { unsafe places[index] }

    func sort() {
        var all = unsafe UnsafeMutableBufferPointer(start: places, count: count)
        unsafe all.sort()
    }

    /// Where the edges of each target start, and where those of the last one end. Sorted first.
    func groups() -> [Int] {
        var starts: [Int] = []
        var index = 0
        while index < count, unsafe !places[index].isNone {
            if unsafe index == 0 || !places[index].hasSamePlace(as: places[index - 1]) {
                starts.append(index)
            }
            index += 1
        }
        starts.append(index)
        return starts
    }
}
