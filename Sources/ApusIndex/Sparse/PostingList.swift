/// The points that have one index, ascending by ordinal, in blocks whose bounds are known.
///
/// A value that shares its blocks with its copies: a search takes a copy and reads the entries that
/// were there then, while further ones are put behind them.
struct PostingList: Sendable {
    private var full: [PostingBlock] = []
    private var open: PostingBlock?

    var count: Int { full.count * PostingBlock.size + (open?.count ?? 0) }

    /// Ordinals ascend.
    mutating func append(ordinal: UInt32, weight: Float) {
        var block = open.take() ?? PostingBlock()
        block.append(ordinal: ordinal, weight: weight)
        if block.count == PostingBlock.size { full.append(block) } else { open = block }
    }

    func forEachBlock(_ body: (PostingBlock) -> Void) {
        full.forEach(body)
        if let open { body(open) }
    }
}

/// Some successive entries of a list, with their bounds.
struct PostingBlock: Sendable {
    /// Entries of a full block.
    static let size = 128

    private var memory = PostingMemory(capacity: 4)
    private(set) var count = 0
    /// The last ordinal; REQUIRES: `count` is not 0.
    private(set) var last: UInt32 = 0
    private(set) var bounds = WeightBounds()

    /// Entries with their bounds, for as long as the block lives.
    var run: PostingRun {
        unsafe PostingRun(
            ordinals: UnsafeRawPointer(memory.ordinals), weights: UnsafeRawPointer(memory.weights),
            count: count, last: last, bounds: bounds)
    }

    fileprivate mutating func append(ordinal: UInt32, weight: Float) {
        // Copies of this block never read beyond their own count.
        if count == memory.capacity { memory = PostingMemory(twice: memory) }
        unsafe memory.ordinals[count] = ordinal
        unsafe memory.weights[count] = weight
        count += 1
        last = ordinal
        bounds.extend(to: weight)
    }
}

/// The greatest and the least of some weights.
struct WeightBounds: Sendable {
    var greatest = -Float.infinity
    var least = Float.infinity

    mutating func extend(to weight: Float) {
        greatest = max(greatest, weight)
        least = min(least, weight)
    }
}

/// Room for the entries of a block, which never moves.
///
/// `@unchecked Sendable`: an entry is written once, before its block's count tells of it.
@safe
private final class PostingMemory: @unchecked Sendable {
    let capacity: Int
    let ordinals: UnsafeMutablePointer<UInt32>
    let weights: UnsafeMutablePointer<Float>

    init(capacity: Int) {
        self.capacity = capacity
        unsafe ordinals = .allocate(capacity: capacity)
        unsafe weights = .allocate(capacity: capacity)
    }

    convenience init(twice full: PostingMemory) {
        self.init(capacity: 2 * full.capacity)
        unsafe ordinals.update(from: full.ordinals, count: full.capacity)
        unsafe weights.update(from: full.weights, count: full.capacity)
    }

    deinit {
        unsafe ordinals.deallocate()
        unsafe weights.deallocate()
    }
}

/// Successive entries of a list where they lie, in memory that somebody else keeps.
///
/// Ordinals ascend, unless the memory is a file's and damaged.
@safe
struct PostingRun {
    let ordinals: UnsafeRawPointer
    let weights: UnsafeRawPointer
    let count: Int
    let last: UInt32
    let bounds: WeightBounds

    @inline(__always)
    func ordinal(_ position: Int) -> UInt32 {
        UInt32(
            littleEndian: unsafe ordinals.loadUnaligned(
                fromByteOffset: position &* 4, as: UInt32.self))
    }

    @inline(__always)
    func weight(_ position: Int) -> Float {
        Float(
            bitPattern: UInt32(
                littleEndian: unsafe weights.loadUnaligned(
                    fromByteOffset: position &* 4, as: UInt32.self)))
    }

    /// The first position from `start` on whose ordinal is not below `wanted`; `count` when there is
    /// none. O(log count).
    func position(notBelow wanted: UInt64, from start: Int) -> Int {
        var low = start
        var length = count &- start
        while length > 0 {
            let half = length &>> 1
            if UInt64(ordinal(low &+ half)) < wanted {
                low &+= half &+ 1
                length &-= half &+ 1
            } else {
                length = half
            }
        }
        return low
    }
}
