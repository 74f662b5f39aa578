/// Walks the list of one of a query's indices, once, from its start to its end.
protocol PostingCursor {
    var queryWeight: Float { get }

    /// The ordinal of the next entry; nil at the end.
    var nextOrdinal: UInt32? { get }

    /// Calls `body` with the ordinal and the weight of each further entry below `end`.
    mutating func advance(below end: UInt64, _ body: (UInt32, Float) -> Void)
}

/// The exact search over inverted lists.
///
/// It goes through the ordinals window by window and, inside a window, list by list, adding up
/// scores in an array of the window's size that stays in the cache. Windows that no list reaches
/// into are skipped.
enum SparseSearch {
    private static let windowSize: UInt64 = 4096

    static func run(
        cursors: [some PostingCursor], k: Int, watch: SearchWatch?, admits: (UInt32) -> Bool
    ) -> [SparseMatch] {
        guard k > 0 else { return [] }
        var cursors = cursors
        var best = BestMatches(k: k)
        var scores = [Float](repeating: 0, count: Int(windowSize))
        var isTouched = [Bool](repeating: false, count: Int(windowSize))
        while let next = cursors.compactMap(\.nextOrdinal).min() {
            if watch?.stops ?? false { break }
            let start = UInt64(next) / windowSize * windowSize
            for index in cursors.indices {
                let queryWeight = cursors[index].queryWeight
                cursors[index].advance(below: start + windowSize) { ordinal, weight in
                    // Lists ascend; one that does not, in a damaged file, is passed over here.
                    guard ordinal >= start else { return }
                    let slot = Int(UInt64(ordinal) - start)
                    scores[slot] += queryWeight * weight
                    isTouched[slot] = true
                }
            }
            for slot in isTouched.indices where isTouched[slot] {
                let match = SparseMatch(
                    ordinal: UInt32(truncatingIfNeeded: start + UInt64(slot)), score: scores[slot])
                if best.mayTake(match), admits(match.ordinal) { best.take(match) }
                scores[slot] = 0
                isTouched[slot] = false
            }
        }
        return best.sorted()
    }
}

/// The `k` best matches so far: a binary heap with the worst of them on top.
private struct BestMatches {
    private let k: Int
    private var heap: [SparseMatch] = []

    init(k: Int) { self.k = k }

    func mayTake(_ match: SparseMatch) -> Bool {
        heap.count < k || Self.isBetter(match, heap[0])
    }

    /// REQUIRES: `mayTake(match)`.
    mutating func take(_ match: SparseMatch) {
        if heap.count < k {
            heap.append(match)
            siftUp(heap.count - 1)
        } else {
            heap[0] = match
            siftDown()
        }
    }

    func sorted() -> [SparseMatch] { heap.sorted(by: Self.isBetter) }

    private static func isBetter(_ left: SparseMatch, _ right: SparseMatch) -> Bool {
        left.score != right.score ? left.score > right.score : left.ordinal < right.ordinal
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard Self.isBetter(heap[parent], heap[child]) else { return }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var worst = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && Self.isBetter(heap[worst], heap[child]) {
                worst = child
            }
            if worst == parent { return }
            heap.swapAt(parent, worst)
            parent = worst
        }
    }
}
