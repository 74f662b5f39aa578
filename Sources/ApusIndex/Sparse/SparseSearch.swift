internal import ApusCore

// Exact search over inverted lists, by MaxScore with bounds of blocks (Turtle & Flood 1995; Ding &
// Suel, "Faster Top-k Document Retrieval Using Block-Max Indexes", SIGIR 2011), window by window of
// ordinals as Lucene does it.
//
// Each block of 128 entries knows its greatest and its least weight, and so each window how much a
// list can add to a score there. Once there are k matches, lists that together cannot lift a point to
// the worst of them are not walked through in that window: points are found by the other lists, and
// only what can still be among the best is looked up in these, the greatest bound first. A window
// whose bounds do not suffice together is passed over.
//
// We depart from the papers in what a score is: the sum of float products in ascending order of the
// indices, to the last bit, whatever was skipped. Partial sums and bounds therefore only say who is
// left out, with an allowance for what rounding may do, and who is left is summed up again in order.

/// One of a query's lists.
struct QueryList {
    var weight: Float
    var runs: [PostingRun]
    /// Entries of all runs.
    var count: Int
}

/// How a search over inverted lists goes about it.
package enum SparsePlan: Sendable {
    /// Skips what cannot be among the best.
    case pruned
    /// Adds up every entry.
    case exhaustive
}

enum SparseSearch {
    /// REQUIRES: the runs' memory outlives the call; `lists` ascend by index. `filter`, when given,
    /// is a set that `admits` refuses everything outside of.
    static func run(
        lists: [QueryList], k: Int, filter: Bitmap?, plan: SparsePlan, watch: SearchWatch?,
        admits: (UInt32) -> Bool
    ) -> [SparseMatch] {
        let entryCount = lists.reduce(0) { $0 + $1.count }
        guard k > 0, entryCount > 0 else { return [] }
        let magnitude = magnitude(of: lists)
        let isPruned = plan == .pruned && magnitude.isFinite
        var walk = SparseWalk(
            lists: lists, k: k, filter: filter,
            rounding: Double(lists.count + 4) * 0x1p-23 * magnitude)
        if isPruned, let filter, isNarrow(filter, lists.count, entryCount) {
            walk.scoreAll(of: filter, watch: watch, admits: admits)
        } else {
            walk.run(isPruned: isPruned, watch: watch, admits: admits)
        }
        watch?.add(measured: walk.entriesRead)
        return walk.best.sorted()
    }

    /// Whether to look up each row of a filter in each list reads less than the lists have.
    private static func isNarrow(_ filter: Bitmap, _ listCount: Int, _ entryCount: Int) -> Bool {
        filter.cardinality * listCount * lookupCost < entryCount
    }

    /// What a lookup costs, in entries that are added up.
    private static var lookupCost: Int { 8 }

    /// More than the magnitude of any sum of entries; not finite when there may be overflow.
    private static func magnitude(of lists: [QueryList]) -> Double {
        lists.reduce(0) { sum, list in
            let greatest = list.runs.reduce(Float(0)) {
                max($0, max(abs($1.bounds.greatest), abs($1.bounds.least)))
            }
            let most = abs(list.weight) * greatest
            return sum + (most.isFinite ? Double(most) : .infinity)
        }
    }
}

/// The `k` best matches so far: a binary heap with the worst of them on top.
struct BestMatches {
    private let k: Int
    private var heap: [SparseMatch] = []

    init(k: Int) { self.k = k }

    /// Matches below it are not taken; nil while there is room.
    var bar: Float? { heap.count < k ? nil : heap[0].score }

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
            let left = 2 * parent + 1
            if left < heap.count, Self.isBetter(heap[worst], heap[left]) { worst = left }
            if left + 1 < heap.count, Self.isBetter(heap[worst], heap[left + 1]) {
                worst = left + 1
            }
            if worst == parent { return }
            heap.swapAt(parent, worst)
            parent = worst
        }
    }
}
