/// The `limit` nearest of the keys that were offered: a heap with the farthest on top.
struct NearestKeys {
    private let limit: Int
    private var heap: [NeighbourKey] = []

    init(limit: Int) { self.limit = limit }

    /// The farthest of them; nil while there is room.
    var farthest: NeighbourKey? { heap.count < limit ? nil : heap.first }

    /// Best first.
    var neighbours: [Neighbour] { heap.sorted().map(\.neighbour) }

    mutating func offer(_ key: NeighbourKey) {
        if heap.count < limit {
            heap.append(key)
            siftUp()
        } else if let farthest = heap.first, key < farthest {
            heap[0] = key
            siftDown()
        }
    }

    private mutating func siftUp() {
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[parent] < heap[child] else { return }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, heap[child] < heap[child + 1] { child += 1 }
            guard heap[parent] < heap[child] else { return }
            heap.swapAt(parent, child)
            parent = child
        }
    }
}
