/// The best nodes found so far in ascending order, with a mark on those already expanded: the
/// paper's candidate list C and result list W in one sorted array.
///
/// A candidate that fell off the end of W can never be expanded before the search stops, so C
/// needs nothing that W does not hold. Up to some hundred entries, a binary search and a move of
/// memory beat two heaps.
///
/// C may be shorter than W (`reach`): where many neighbours are asked for and not all of them need be
/// right, fewer nodes are expanded than are returned.
@safe
struct SearchBeam {
    /// `[limit]` places.
    private let keys: UnsafeMutablePointer<NeighbourKey>
    private let limit: Int
    /// How many of the first entries are expanded, once there are `least`.
    private let reach: Int
    var least: Int
    private(set) var count = 0
    /// Every entry before this one is expanded.
    private var cursor = 0

    init(
        keys: UnsafeMutablePointer<NeighbourKey>, limit: Int, reach: Int = .max, least: Int = 0
    ) {
        unsafe self.keys = unsafe keys
        self.limit = limit
        self.reach = min(reach, limit)
        self.least = least
    }

    var isFull: Bool { count == limit }

    mutating func removeAll() {
        count = 0
        cursor = 0
    }

    subscript(index: Int) -> NeighbourKey {
        @inline(__always) get { unsafe keys[index] & ~1 }
    }

    /// Keys that are not below it are refused; `.max` while there is room.
    var bound: NeighbourKey {
        @inline(__always) get { unsafe count < limit ? .max : keys[limit &- 1] & ~1 }
    }

    /// Entries that are to be expanded.
    private var end: Int {
        @inline(__always) get { count < least ? count : min(count, reach) }
    }

    /// A node that is not below it would not be expanded; `.max` while there is room.
    var reachBound: NeighbourKey {
        @inline(__always) get {
            unsafe count < max(reach, least) ? .max : keys[reach &- 1] & ~1
        }
    }

    /// The nearest node that was not expanded, which from now on is; nil when all are that the beam
    /// reaches to.
    @inline(__always)
    mutating func expandNearest() -> UInt32? {
        let end = end
        while cursor < end {
            let key = unsafe keys[cursor]
            if key & 1 == 0 {
                unsafe keys[cursor] = key | 1
                cursor &+= 1
                return key.ordinal
            }
            cursor &+= 1
        }
        return nil
    }

    /// The node that `expandNearest` would return.
    var nextToExpand: UInt32? {
        @inline(__always)
        mutating get {
            let end = end
            while unsafe cursor < end && keys[cursor] & 1 != 0 { cursor &+= 1 }
            return unsafe cursor < end ? keys[cursor].ordinal : nil
        }
    }

    /// Puts in a key that is not there yet, unless the beam is full of better ones; true when it
    /// is now the one to expand next. O(limit).
    @inline(__always)
    @discardableResult
    mutating func insert(_ key: NeighbourKey) -> Bool {
        if count == limit {
            if unsafe limit == 0 || key >= keys[limit &- 1] { return false }
            count &-= 1
        }
        var low = 0
        var length = count
        while length > 0 {
            let half = length &>> 1
            if unsafe keys[low &+ half] < key {
                low &+= half &+ 1
                length &-= half &+ 1
            } else {
                length = half
            }
        }
        unsafe (keys + low + 1).update(from: keys + low, count: count &- low)
        unsafe keys[low] = key
        count &+= 1
        guard low <= cursor else { return false }
        cursor = low
        return true
    }
}
