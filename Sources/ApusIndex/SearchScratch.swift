internal import ApusKernels
private import Synchronization

/// The memory that one search works in; taken from a pool, so that searches allocate nothing.
@safe
final class SearchScratch: @unchecked Sendable {
    // Sendable: one thread uses it at a time; the pool hands it over under a lock.

    /// One bit per ordinal; all clear between searches.
    let visited: UnsafeMutablePointer<UInt64>
    /// The ordinals whose bits were set, in order of visit, and room for one more block.
    let trail: UnsafeMutablePointer<UInt32>
    var trailCount = 0
    /// Distances of one block of ids, or of one block of a scan.
    let distances: UnsafeMutablePointer<Float>
    /// Ids of one block.
    let ids: UnsafeMutablePointer<UInt32>
    /// Selected neighbours of one node, ascending.
    let selection: UnsafeMutablePointer<NeighbourKey>
    /// Ids and distances that there is room for.
    let blockCapacity: Int
    /// The codes of the query, and of a row that is compared with others.
    let queryCodes: UnsafeMutableRawPointer
    let rowCodes: UnsafeMutableRawPointer
    /// Candidates that wait (filtered searches), a heap; room for every ordinal.
    private let waiting: UnsafeMutablePointer<NeighbourKey>
    var waitingCount = 0

    /// Rows measured by the search under way, and those of them that were measured again by their
    /// vectors.
    var measuredCount = 0
    var rescoredCount = 0
    /// Looks on at the search under way.
    fileprivate(set) var watch: SearchWatch?

    private var keys: UnsafeMutableBufferPointer<NeighbourKey>
    private let memory: ReservedMemory
    private let waitingMemory: ReservedMemory

    /// Scratch for ordinals below `capacity`, vectors of `dimension` floats, and blocks of at most
    /// `blockCapacity` ids.
    init(capacity: Int, blockCapacity: Int, dimension: Int) throws(KernelError) {
        let words = (capacity + 63) / 64
        let trailPlaces = capacity + blockCapacity + 1
        memory = try ReservedMemory(byteCount: words * 8 + trailPlaces * 4)
        waitingMemory = try ReservedMemory(byteCount: (capacity + 1) * 8)
        unsafe visited = memory.base.assumingMemoryBound(to: UInt64.self)
        unsafe trail = (memory.base + words * 8).assumingMemoryBound(to: UInt32.self)
        unsafe waiting = waitingMemory.base.assumingMemoryBound(to: NeighbourKey.self)
        self.blockCapacity = blockCapacity
        let codesByteCount = IndexRows.codeByteCount(dimension: dimension)
        unsafe queryCodes = .allocate(byteCount: codesByteCount, alignment: 64)
        unsafe rowCodes = .allocate(byteCount: codesByteCount, alignment: 64)
        unsafe distances = .allocate(capacity: blockCapacity)
        unsafe ids = .allocate(capacity: blockCapacity)
        unsafe selection = .allocate(capacity: blockCapacity)
        unsafe keys = .allocate(capacity: 256)
    }

    deinit {
        unsafe queryCodes.deallocate()
        unsafe rowCodes.deallocate()
        unsafe distances.deallocate()
        unsafe ids.deallocate()
        unsafe selection.deallocate()
        unsafe keys.deallocate()
    }

    /// Whether the walk under way is to stop after so many steps.
    @inline(__always)
    func stops(after steps: Int) -> Bool {
        steps % SearchWatch.stepsBetween == 0 && watch?.stops ?? false
    }

    /// An empty beam of `limit` places; there is one at a time. Of `reach` of them nodes are expanded
    /// once `least` places are taken, of all places unless it is said.
    func beam(limit: Int, reach: Int = .max, least: Int = 0) -> SearchBeam {
        unsafe SearchBeam(keys: places(limit), limit: limit, reach: reach, least: least)
    }

    /// Room for `count` keys, shared with the beam.
    func places(_ count: Int) -> UnsafeMutablePointer<NeighbourKey> {
        if unsafe keys.count < count || keys.baseAddress == nil {
            unsafe keys.deallocate()
            unsafe keys = .allocate(capacity: max(256, count))
        }
        guard let start = unsafe keys.baseAddress else { preconditionFailure("no memory for keys") }
        return unsafe start
    }

    /// Marks one ordinal; false when it was marked before.
    @inline(__always)
    func visit(_ ordinal: UInt32) -> Bool {
        let word = Int(ordinal &>> 6)
        let bit: UInt64 = 1 &<< UInt64(ordinal & 63)
        guard unsafe visited[word] & bit == 0 else { return false }
        unsafe visited[word] |= bit
        unsafe trail[trailCount] = ordinal
        trailCount &+= 1
        return true
    }

    /// Clears every mark. O(visited).
    func clearVisited() {
        for index in 0..<trailCount { unsafe visited[Int(trail[index] &>> 6)] = 0 }
        trailCount = 0
    }

    /// Adds a candidate to those that wait: a binary heap with the nearest on top. Each ordinal
    /// waits at most once.
    @inline(__always)
    func pushWaiting(_ key: NeighbourKey) {
        var child = waitingCount
        waitingCount &+= 1
        while child > 0 {
            let parent = (child &- 1) / 2
            let above = unsafe waiting[parent]
            guard key < above else { break }
            unsafe waiting[child] = above
            child = parent
        }
        unsafe waiting[child] = key
    }

    /// The nearest candidate that waits.
    var nearestWaiting: NeighbourKey? {
        @inline(__always) get { unsafe waitingCount > 0 ? waiting[0] : nil }
    }

    /// The nearest candidate that waits, taken out.
    @inline(__always)
    func popWaiting() -> NeighbourKey? {
        guard waitingCount > 0 else { return nil }
        waitingCount &-= 1
        let top = unsafe waiting[0]
        let last = unsafe waiting[waitingCount]
        var parent = 0
        while true {
            var child = 2 &* parent &+ 1
            guard child < waitingCount else { break }
            if unsafe child &+ 1 < waitingCount && waiting[child &+ 1] < waiting[child] {
                child &+= 1
            }
            let below = unsafe waiting[child]
            guard below < last else { break }
            unsafe waiting[parent] = below
            parent = child
        }
        unsafe waiting[parent] = last
        return top
    }
}

/// Scratch memory of an index that is not in use.
final class ScratchPool: Sendable {
    private let capacity: Int
    private let blockCapacity: Int
    private let dimension: Int
    private let idle = Mutex<[SearchScratch]>([])

    init(capacity: Int, blockCapacity: Int, dimension: Int) {
        self.dimension = dimension
        self.capacity = capacity
        self.blockCapacity = blockCapacity
    }

    /// Runs `body` with scratch memory that nobody else uses meanwhile; what it counts goes to
    /// `watch`.
    func withScratch<R>(
        _ watch: SearchWatch? = nil, _ body: (SearchScratch) throws -> R
    ) rethrows -> R {
        let scratch = idle.withLock { $0.popLast() } ?? make()
        scratch.measuredCount = 0
        scratch.rescoredCount = 0
        scratch.watch = watch
        defer { idle.withLock { $0.append(scratch) } }
        defer {
            watch?.add(measured: scratch.measuredCount, rescored: scratch.rescoredCount)
            scratch.watch = nil
        }
        return try body(scratch)
    }

    private func make() -> SearchScratch {
        do {
            return try SearchScratch(
                capacity: capacity, blockCapacity: blockCapacity, dimension: dimension)
        } catch {
            preconditionFailure("no memory for a search: \(error)")
        }
    }
}
