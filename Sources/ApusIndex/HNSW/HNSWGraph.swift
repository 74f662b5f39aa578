internal import ApusKernels

/// The links of an HNSW graph in flat memory: growing in reserved memory, or over mapped bytes.
///
/// | array | element | meaning |
/// |---|---|---|
/// | `links0` | `stride0` × u32 per ordinal | the neighbours at level 0 |
/// | `levels` | u8 per ordinal | the node's highest level; `absent` where the ordinal is no node |
/// | `upper` | `upperStride` × u32 per block | the neighbours above level 0 |
/// | `upperStart` | u32 per ordinal | the block of level 1; level l is l − 1 blocks further |
///
/// Blocks are `LinkBlock`s: readers may read a block while one thread rewrites it.
@safe
struct HNSWGraph: @unchecked Sendable {
    // Sendable: a block is written by one thread at a time (the index's insertion), in whole
    // places; `levels` and `upperStart` of an ordinal are written before anything links to it.

    /// The level of an ordinal that has no vector.
    static let absent: UInt8 = .max

    let links0: UnsafeMutablePointer<UInt32>
    let levels: UnsafeMutablePointer<UInt8>
    let upper: UnsafeMutablePointer<UInt32>
    let upperStart: UnsafeMutablePointer<UInt32>
    /// Ordinals that there is room for.
    let capacity: Int
    /// Blocks that there is room for in `upper`.
    let upperCapacity: Int
    /// Links a block of level 0 may hold, and its size in memory.
    let capacity0: Int
    let stride0: Int
    /// The same above level 0.
    let upperBlockCapacity: Int
    let upperStride: Int
    /// Keeps the memory.
    private let owners: [ReservedMemory]

    /// Places of a block of `capacity` links: whole cache lines, or a part of one.
    static func stride(capacity: Int) -> Int { VectorSpace.stride(dimension: capacity) }

    /// An empty graph with room for `capacity` ordinals.
    init(m: Int, capacity: Int, upperBlocksAtLeast minimum: Int = 0) throws(KernelError) {
        // The expected number of blocks is capacity / (m - 1); hashes spread by far less than
        // half of it. Past the end, nodes stay on level 0.
        let upperCapacity = max(capacity / (m - 1) * 3 / 2 + 4096, minimum)
        let stride0 = Self.stride(capacity: 2 * m)
        let upperStride = Self.stride(capacity: m)
        let linkMemory = try ReservedMemory(byteCount: capacity * stride0 * 4)
        let upperMemory = try ReservedMemory(byteCount: upperCapacity * upperStride * 4)
        let levelMemory = try ReservedMemory(byteCount: capacity)
        let startMemory = try ReservedMemory(byteCount: capacity * 4)
        unsafe self.init(
            m: m, capacity: capacity, upperCapacity: upperCapacity,
            links0: linkMemory.base.assumingMemoryBound(to: UInt32.self),
            levels: levelMemory.base.assumingMemoryBound(to: UInt8.self),
            upper: upperMemory.base.assumingMemoryBound(to: UInt32.self),
            upperStart: startMemory.base.assumingMemoryBound(to: UInt32.self),
            owners: [linkMemory, upperMemory, levelMemory, startMemory])
    }

    /// A graph over memory that `owners`, or the caller, keeps in place.
    init(
        m: Int, capacity: Int, upperCapacity: Int, links0: UnsafeMutablePointer<UInt32>,
        levels: UnsafeMutablePointer<UInt8>, upper: UnsafeMutablePointer<UInt32>,
        upperStart: UnsafeMutablePointer<UInt32>, owners: [ReservedMemory]
    ) {
        unsafe self.links0 = unsafe links0
        unsafe self.levels = unsafe levels
        unsafe self.upper = unsafe upper
        unsafe self.upperStart = unsafe upperStart
        self.capacity = capacity
        self.upperCapacity = upperCapacity
        capacity0 = 2 * m
        stride0 = Self.stride(capacity: 2 * m)
        upperBlockCapacity = m
        upperStride = Self.stride(capacity: m)
        self.owners = owners
    }

    /// The neighbours of a node on one of its levels.
    @inline(__always)
    func block(_ ordinal: UInt32, level: Int) -> UnsafeMutablePointer<UInt32> {
        if level == 0 { return unsafe links0 + Int(ordinal) &* stride0 }
        let block = unsafe Int(upperStart[Int(ordinal)]) &+ level &- 1
        return unsafe upper + block &* upperStride
    }

    @inline(__always)
    func blockCapacity(level: Int) -> Int { level == 0 ? capacity0 : upperBlockCapacity }

    /// A copy of a node's neighbours on a level.
    func neighbours(_ ordinal: UInt32, level: Int) -> [UInt32] {
        let capacity = blockCapacity(level: level)
        return unsafe [UInt32](unsafeUninitializedCapacity: capacity) { target, count in
            count = 0
            guard let start = target.baseAddress else { return }
            count = unsafe LinkBlock.load(
                block(ordinal, level: level), capacity: capacity, into: start)
        }
    }
}
