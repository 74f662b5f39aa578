internal import ApusCore
internal import ApusKernels

extension HNSWGraph {
    /// A graph whose links are read where they lie; it cannot grow. Only the place of each node's
    /// upper blocks is in memory of its own, 4 bytes an ordinal.
    init(
        m: Int, mapping links0: UnsafeRawBufferPointer, _ levels: UnsafeRawBufferPointer,
        _ upper: UnsafeRawBufferPointer, upperBlockCount: Int
    ) throws {
        let count = levels.count
        try unsafe Self.checkAlignment(links0)
        try unsafe Self.checkAlignment(upper)
        // One unused page stands in for sections that are empty, so have no address.
        let memory = try ReservedMemory(byteCount: count * 4 + 64, isFilledAtOnce: true)
        func pointer<T>(_ bytes: UnsafeRawBufferPointer, _ type: T.Type) -> UnsafeMutablePointer<T>
        {
            let start = unsafe bytes.baseAddress ?? UnsafeRawPointer(memory.base)
            return unsafe UnsafeMutableRawPointer(mutating: start).assumingMemoryBound(to: type)
        }
        unsafe self.init(
            m: m, capacity: count, upperCapacity: upperBlockCount,
            links0: pointer(links0, UInt32.self), levels: pointer(levels, UInt8.self),
            upper: pointer(upper, UInt32.self),
            upperStart: memory.base.assumingMemoryBound(to: UInt32.self), owners: [memory])
    }

    private static func checkAlignment(_ bytes: UnsafeRawBufferPointer) throws {
        guard let start = bytes.baseAddress else { return }
        guard UInt(bitPattern: start) % UInt(MemoryLayout<UInt32>.alignment) == 0 else {
            throw MalformedBytes("an HNSW section that is not aligned", offset: 0)
        }
    }

    /// A graph with room for `capacity` ordinals that starts as a copy.
    init(
        m: Int, copying links0: UnsafeRawBufferPointer, _ levels: UnsafeRawBufferPointer,
        _ upper: UnsafeRawBufferPointer, upperBlockCount: Int, capacity: Int
    ) throws {
        try self.init(m: m, capacity: capacity, upperBlocksAtLeast: upperBlockCount)
        unsafe copy(links0, levels, upper)
    }

    /// Overwrites the start of each array; there is room.
    func copy(
        _ links0: UnsafeRawBufferPointer, _ levels: UnsafeRawBufferPointer,
        _ upper: UnsafeRawBufferPointer
    ) {
        unsafe UnsafeMutableRawBufferPointer(start: self.links0, count: links0.count)
            .copyMemory(from: links0)
        unsafe UnsafeMutableRawBufferPointer(start: self.levels, count: levels.count)
            .copyMemory(from: levels)
        unsafe UnsafeMutableRawBufferPointer(start: self.upper, count: upper.count)
            .copyMemory(from: upper)
    }

    /// Checks all that a search relies on, and computes `upperStart`: levels in range, as many
    /// upper blocks as they say, every link to a node that exists on the link's level, an entry
    /// point that is a node of its level. O(links).
    func validate(_ header: HNSWFormat.Header) throws(MalformedBytes) {
        let count = header.count
        var blocks = 0
        var nodeCount = 0
        for ordinal in 0..<count {
            unsafe upperStart[ordinal] = UInt32(truncatingIfNeeded: blocks)
            let level = unsafe levels[ordinal]
            if level == Self.absent { continue }
            guard level <= HNSWParameters.levelMax else {
                throw MalformedBytes("HNSW level \(level) at ordinal \(ordinal)", offset: ordinal)
            }
            nodeCount += 1
            blocks += Int(level)
            guard blocks <= header.upperBlockCount else { break }
        }
        guard blocks == header.upperBlockCount else {
            throw MalformedBytes(
                "HNSW levels that sum up to \(blocks), expected \(header.upperBlockCount)",
                offset: 0)
        }
        guard (header.entry == nil) == (nodeCount == 0) else {
            throw MalformedBytes("HNSW entry point and \(nodeCount) nodes", offset: 40)
        }
        if let entry = header.entry {
            let level = unsafe levels[Int(entry.ordinal)]
            guard level != Self.absent, Int(level) == entry.level else {
                throw MalformedBytes(
                    "HNSW entry point of level \(entry.level) at a node of level \(level)",
                    offset: 44)
            }
        }
        try validateLinks0(count: count, hasAbsent: nodeCount < count)
        try validateUpperLinks(count: count)
    }

    private func validateLinks0(count: Int, hasAbsent: Bool) throws(MalformedBytes) {
        let placeCount = count * stride0
        // An unused place wraps to zero, so one maximum tells of all places.
        var largest: UInt32 = 0
        for place in 0..<placeCount { unsafe largest = max(largest, links0[place] &+ 1) }
        guard Int(largest) <= count else {
            throw MalformedBytes("an HNSW link to ordinal \(largest - 1) of \(count)", offset: 0)
        }
        guard hasAbsent else { return }
        for place in 0..<placeCount {
            let id = unsafe links0[place]
            guard unsafe id == LinkBlock.none || levels[Int(id)] != Self.absent else {
                throw MalformedBytes(
                    "an HNSW link to ordinal \(id), which is no node", offset: place * 4)
            }
        }
    }

    private func validateUpperLinks(count: Int) throws(MalformedBytes) {
        for ordinal in 0..<count {
            let top = unsafe levels[ordinal]
            guard top != Self.absent, top > 0 else { continue }
            for level in 1...Int(top) {
                let block = unsafe block(UInt32(truncatingIfNeeded: ordinal), level: level)
                for place in 0..<upperBlockCapacity {
                    let id = unsafe block[place]
                    if id == LinkBlock.none { continue }
                    guard Int(id) < count, unsafe levels[Int(id)] != Self.absent,
                        unsafe Int(levels[Int(id)]) >= level
                    else {
                        throw MalformedBytes(
                            "an HNSW link at level \(level) from \(ordinal) to \(id), which is no "
                                + "node there", offset: 0)
                    }
                }
            }
        }
    }
}
