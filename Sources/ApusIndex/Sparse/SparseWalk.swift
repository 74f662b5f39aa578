internal import ApusCore

/// One search over inverted lists (`SparseSearch`): the memory that it needs and what it found.
@safe
struct SparseWalk: ~Copyable {
    /// Ordinals of a window; a multiple of 64. Their scores stay in the nearest cache.
    private static let windowSize = 2048

    private(set) var best: BestMatches
    /// Entries that were added up or looked up.
    private(set) var entriesRead = 0

    private let runs: UnsafeMutablePointer<PostingRun>
    private let cursors: UnsafeMutablePointer<PostingCursor>
    private let listCount: Int
    private let filter: Bitmap?
    /// How far rounding may bring a sum from another of the same entries in other order.
    private let rounding: Double
    /// Of the window's points; zero between windows.
    private let scores: UnsafeMutablePointer<Float>
    private let touched: UnsafeMutablePointer<UInt8>
    /// Slots of the window that may be among the best.
    private let candidates: UnsafeMutablePointer<UInt32>
    /// Lists that reach into the window, ascending by bound; for each the sum of the bounds so far.
    private let order: UnsafeMutablePointer<Int>
    private let sums: UnsafeMutablePointer<Double>

    /// REQUIRES: `filter`, when given, is a set that searches admit nothing outside of.
    init(lists: [QueryList], k: Int, filter: Bitmap?, rounding: Double) {
        best = BestMatches(k: k)
        self.filter = filter
        self.rounding = rounding
        listCount = lists.count
        unsafe runs = .allocate(capacity: lists.reduce(0) { $0 + $1.runs.count })
        unsafe cursors = .allocate(capacity: lists.count)
        unsafe order = .allocate(capacity: lists.count)
        unsafe sums = .allocate(capacity: lists.count + 1)
        unsafe scores = .allocate(capacity: Self.windowSize)
        unsafe touched = .allocate(capacity: Self.windowSize)
        unsafe candidates = .allocate(capacity: Self.windowSize + 1)
        unsafe scores.initialize(repeating: 0, count: Self.windowSize)
        unsafe touched.initialize(repeating: 0, count: Self.windowSize)
        var start = unsafe runs
        for (index, list) in lists.enumerated() {
            unsafe (cursors + index).initialize(
                to: PostingCursor(
                    weight: list.weight, entryCount: list.count, runs: start,
                    runCount: list.runs.count))
            for run in list.runs {
                unsafe start.initialize(to: run)
                unsafe start += 1
            }
        }
    }

    deinit {
        unsafe runs.deallocate()
        unsafe cursors.deallocate()
        unsafe order.deallocate()
        unsafe sums.deallocate()
        unsafe scores.deallocate()
        unsafe touched.deallocate()
        unsafe candidates.deallocate()
    }

    /// Scores the points of the lists, window by window.
    mutating func run(isPruned: Bool, watch: SearchWatch?, admits: (UInt32) -> Bool) {
        let size = UInt64(Self.windowSize)
        var start: UInt64 = 0
        while !(watch?.stops ?? false) {
            var reachingCount = 0
            var next = UInt64.max
            for list in 0..<listCount {
                guard let ordinal = unsafe cursors[list].enter(start) else { continue }
                next = min(next, ordinal)
                guard ordinal < start + size else { continue }
                unsafe order[reachingCount] = list
                reachingCount &+= 1
            }
            guard next != .max else { return }
            if reachingCount == 0 {
                start = next / size * size
                continue
            }
            if isPruned, let bar = best.bar {
                scoreWindow(from: start, reachingCount, above: bar, admits)
            } else {
                scoreWhole(from: start, reachingCount, admits)
            }
            start += size
        }
    }

    /// Scores the points of a set, which are few.
    mutating func scoreAll(of filter: Bitmap, watch: SearchWatch?, admits: (UInt32) -> Bool) {
        var steps = 0
        for (index, bits) in filter.words.enumerated() {
            var rest = bits
            while rest != 0 {
                let ordinal = UInt32(truncatingIfNeeded: index << 6 + rest.trailingZeroBitCount)
                rest &= rest &- 1
                for list in 0..<listCount { _ = unsafe cursors[list].enter(UInt64(ordinal)) }
                take(ordinal, admits)
                steps &+= 1
                if steps % SearchWatch.stepsBetween == 0, watch?.stops ?? false { return }
            }
        }
    }

    /// Takes a point, whose score is summed up in the order of the lists, unless it is in none.
    ///
    /// REQUIRES: every cursor stands at or before it.
    private mutating func take(_ ordinal: UInt32, _ admits: (UInt32) -> Bool) {
        var score: Float = 0
        var isFound = false
        for list in 0..<listCount {
            let cursor = unsafe cursors[list]
            var place = cursor.place
            guard let product = cursor.product(at: ordinal, &place) else { continue }
            score += product
            isFound = true
        }
        entriesRead &+= listCount
        if isFound { take(SparseMatch(ordinal: ordinal, score: score), admits) }
    }

    private mutating func take(_ match: SparseMatch, _ admits: (UInt32) -> Bool) {
        if best.mayTake(match), admits(match.ordinal) { best.take(match) }
    }

    // MARK: A window

    /// Adds up all lists.
    private mutating func scoreWhole(
        from start: UInt64, _ reachingCount: Int, _ admits: (UInt32) -> Bool
    ) {
        for index in 0..<reachingCount {
            entriesRead &+= unsafe cursors[order[index]].add(
                from: start, size: Self.windowSize, to: scores, touched: touched)
        }
        var bar = best.bar ?? -.infinity
        let words = unsafe UnsafeRawPointer(touched)
        for word in 0..<(Self.windowSize / 8)
        where unsafe words.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self) != 0 {
            for slot in word * 8..<word * 8 + 8 where unsafe touched[slot] != 0 {
                let score = unsafe scores[slot]
                if score < bar { continue }
                let ordinal = UInt32(truncatingIfNeeded: start + UInt64(slot))
                take(SparseMatch(ordinal: ordinal, score: score), admits)
                bar = best.bar ?? -.infinity
            }
        }
        unsafe touched.update(repeating: 0, count: Self.windowSize)
        unsafe scores.update(repeating: 0, count: Self.windowSize)
    }

    /// Adds up as many lists as it takes to find every point that may come `above` the worst match.
    private mutating func scoreWindow(
        from start: UInt64, _ reachingCount: Int, above bar: Float, _ admits: (UInt32) -> Bool
    ) {
        let end = start + UInt64(Self.windowSize)
        for index in 0..<reachingCount { unsafe cursors[order[index]].findBound(below: end) }
        var skippedCount = skippableCount(of: reachingCount, below: Double(bar))
        if skippedCount == reachingCount { return }
        if entryCount(of: 0..<skippedCount) * 2 < entryCount(of: skippedCount..<reachingCount) {
            // Finding out who is left would take longer than adding up the rest.
            skippedCount = 0
        }
        // What the lists that are walked through must give, and more than 0.
        let partBar = unsafe Double(bar) - sums[skippedCount] - rounding
        guard partBar > 0 else {
            // Without a score above 0 to look for, the points in the lists have to be marked.
            unsafe sortByIndex(order, reachingCount)
            return scoreWhole(from: start, reachingCount, admits)
        }
        unsafe sortByIndex(order + skippedCount, reachingCount - skippedCount)
        for index in skippedCount..<reachingCount {
            entriesRead &+= unsafe cursors[order[index]].add(
                from: start, size: Self.windowSize, to: scores, touched: nil)
        }
        var count = collectCandidates(from: start, Float(partBar).nextDown)
        if skippedCount == 0 {
            // All were added up, in order.
            for index in 0..<count {
                let slot = unsafe candidates[index]
                take(
                    SparseMatch(
                        ordinal: UInt32(truncatingIfNeeded: start) &+ slot,
                        score: unsafe scores[Int(slot)]), admits)
            }
        } else {
            for index in (0..<skippedCount).reversed() where count > 0 {
                look(up: unsafe order[index], from: start, count)
                count = unsafe keepCandidates(
                    count, Float(Double(bar) - sums[index] - rounding).nextDown)
            }
            for index in 0..<count {
                let slot = unsafe candidates[index]
                let most = unsafe Double(scores[Int(slot)]) + rounding
                if let bar = best.bar, most < Double(bar) { continue }
                take(UInt32(truncatingIfNeeded: start) &+ slot, admits)
            }
        }
        unsafe scores.update(repeating: 0, count: Self.windowSize)
    }

    /// Puts the lists of `order` in the order of their bounds and returns how many of them cannot
    /// lift a point to `bar` together.
    private func skippableCount(of count: Int, below bar: Double) -> Int {
        for index in 1..<max(1, count) {
            let list = unsafe order[index]
            let bound = unsafe cursors[list].bound
            var place = index
            while place > 0 {
                guard unsafe cursors[order[place - 1]].bound > bound else { break }
                unsafe order[place] = order[place - 1]
                place -= 1
            }
            unsafe order[place] = list
        }
        unsafe sums[0] = 0
        for index in 0..<count {
            let sum = unsafe sums[index] + Double(cursors[order[index]].bound)
            guard sum + rounding < bar else { return index }
            unsafe sums[index + 1] = sum
        }
        return count
    }

    /// Entries of whole lists, by their places in `order`.
    private func entryCount(of places: Range<Int>) -> Int {
        places.reduce(0) { unsafe $0 + cursors[order[$1]].entryCount }
    }

    private func sortByIndex(_ lists: UnsafeMutablePointer<Int>, _ count: Int) {
        var lists = unsafe UnsafeMutableBufferPointer(start: lists, count: count)
        unsafe lists.sort()
    }

    /// The slots of the filter whose scores reach `bar`, which is above 0.
    private func collectCandidates(from start: UInt64, _ bar: Float) -> Int {
        // Floats above 0 are in the order of their bits, and those below it are negative numbers: a
        // difference below 0 tells of a score that reaches the bar. Few do.
        let least = Int32(bitPattern: bar.bitPattern) &- 1
        var count = 0
        for place in stride(from: 0, to: Self.windowSize, by: 16) {
            let block = unsafe scores + place
            var differences: Int32 = 0
            for slot in 0..<16 {
                unsafe differences |= least &- Int32(bitPattern: block[slot].bitPattern)
            }
            if differences >= 0 { continue }
            for slot in place..<place + 16 {
                // Without a branch, which nobody could foretell.
                unsafe candidates[count] = UInt32(truncatingIfNeeded: slot)
                count &+= unsafe scores[slot] >= bar ? 1 : 0
            }
        }
        guard let filter else { return count }
        var kept = 0
        for index in 0..<count {
            let slot = unsafe candidates[index]
            let ordinal = Int(start) + Int(slot)
            unsafe candidates[kept] = slot
            if ordinal < filter.count, filter[ordinal] { kept &+= 1 }
        }
        return kept
    }

    /// Leaves the candidates whose scores reach `bar`, and returns how many.
    private func keepCandidates(_ count: Int, _ bar: Float) -> Int {
        var kept = 0
        for index in 0..<count {
            let slot = unsafe candidates[index]
            unsafe candidates[kept] = slot
            if unsafe scores[Int(slot)] >= bar { kept &+= 1 }
        }
        return kept
    }

    /// Adds what a list has of the candidates: of them alone, or all of its entries when that is less
    /// work.
    private mutating func look(up list: Int, from start: UInt64, _ count: Int) {
        let cursor = unsafe cursors[list]
        let most = count &* Self.lookupCost
        let end = start + UInt64(Self.windowSize)
        if cursor.count(below: end, most: most) <= most {
            entriesRead &+= unsafe cursor.add(
                from: start, size: Self.windowSize, to: scores, touched: nil)
            return
        }
        var place = cursor.place
        for index in 0..<count {
            let slot = unsafe candidates[index]
            let ordinal = UInt32(truncatingIfNeeded: start) &+ slot
            if let product = cursor.product(at: ordinal, &place) {
                unsafe scores[Int(slot)] += product
            }
        }
        entriesRead &+= count
    }

    /// What a lookup costs, in entries that are added up.
    private static let lookupCost = 6
}
