/// Where a search stands in one of its lists.
///
/// Windows of ordinals come in ascending order: `enter` first, then any number of times the others.
@safe
struct PostingCursor {
    let weight: Float
    /// Of the whole list.
    let entryCount: Int
    private let runs: UnsafePointer<PostingRun>
    private let runCount: Int
    /// The first entry that is not below the window.
    private var run = 0
    private var position = 0
    /// How much the list can add to the score of a point of the window.
    private(set) var bound: Float = 0

    /// REQUIRES: `runs` outlive the cursor, and none is empty.
    init(weight: Float, entryCount: Int, runs: UnsafePointer<PostingRun>, runCount: Int) {
        self.weight = weight
        self.entryCount = entryCount
        unsafe self.runs = unsafe runs
        self.runCount = runCount
    }

    /// Goes to the first entry that is not below `start`, and returns its ordinal; nil at the end.
    @inline(__always)
    mutating func enter(_ start: UInt64) -> UInt64? {
        while run < runCount {
            if unsafe UInt64(runs[run].last) >= start {
                position = unsafe runs[run].position(notBelow: start, from: position)
                if unsafe position < runs[run].count {
                    return unsafe UInt64(runs[run].ordinal(position))
                }
            }
            run &+= 1
            position = 0
        }
        return nil
    }

    /// Finds `bound` for a window that the cursor has entered and that ends at `end`.
    @inline(__always)
    mutating func findBound(below end: UInt64) {
        var greatest: Float = 0
        var index = run
        while index < runCount {
            let bounds = unsafe runs[index].bounds
            greatest = max(greatest, max(weight * bounds.greatest, weight * bounds.least))
            if unsafe UInt64(runs[index].last) &+ 1 >= end { break }
            index &+= 1
        }
        bound = greatest
    }

    /// Adds the window's entries to the scores of their points, and returns how many there are.
    /// `touched`, when given, gets a 1 for each.
    @inline(__always)
    func add(
        from start: UInt64, size: Int, to scores: UnsafeMutablePointer<Float>,
        touched: UnsafeMutablePointer<UInt8>?
    ) -> Int {
        var count = 0
        var index = run
        var first = position
        while index < runCount {
            let run = unsafe runs[index]
            var position = first
            while position < run.count {
                let slot = Int(truncatingIfNeeded: UInt64(run.ordinal(position)) &- start)
                // Lists ascend; in a damaged file a stray one is where walking ends.
                guard slot >= 0, slot < size else { return count &+ position &- first }
                unsafe scores[slot] += weight * run.weight(position)
                if let touched = unsafe touched { unsafe touched[slot] = 1 }
                position &+= 1
            }
            count &+= run.count &- first
            index &+= 1
            first = 0
        }
        return count
    }

    /// How many entries the window has, unless it is more than `most`.
    @inline(__always)
    func count(below end: UInt64, most: Int) -> Int {
        var count = 0
        var index = run
        var first = position
        while index < runCount, count <= most {
            let run = unsafe runs[index]
            if UInt64(run.last) >= end {
                return count &+ run.position(notBelow: end, from: first) &- first
            }
            count &+= run.count &- first
            index &+= 1
            first = 0
        }
        return count
    }

    /// A place in the window, for lookups of ascending ordinals.
    struct Place {
        fileprivate var run: Int
        fileprivate var position: Int
    }

    var place: Place { Place(run: run, position: position) }

    /// What the list adds to the score of an ordinal that is not below those looked up before; nil
    /// when it is not in the list.
    @inline(__always)
    func product(at ordinal: UInt32, _ place: inout Place) -> Float? {
        while place.run < runCount {
            let run = unsafe runs[place.run]
            if run.last >= ordinal {
                place.position = run.position(notBelow: UInt64(ordinal), from: place.position)
                guard place.position < run.count, run.ordinal(place.position) == ordinal else {
                    return nil
                }
                return weight * run.weight(place.position)
            }
            place.run &+= 1
            place.position = 0
        }
        return nil
    }
}
