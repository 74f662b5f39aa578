private import ApusCore
private import ApusKernels
private import Synchronization

extension IVFIndex {
    /// Places that are scanned with one bound.
    private static var chunk: Int { 256 }

    /// The `k` nearest admitted rows, best first, with their exact distances; fewer when fewer were
    /// found.
    ///
    /// `query` is `[dimension]` floats as `DistanceKernel.prepare` returns them. The `probes` lists
    /// whose centroids are nearest are scanned, by codes; of all that they hold the `candidates`
    /// nearest are measured by their vectors. O(lists + the lengths of the probed ones × parts +
    /// candidates × dimension).
    package func search(
        _ query: [Float], k: Int, probes: Int, candidates: Int, admission: Admission = .all,
        watch: SearchWatch? = nil
    ) -> [Neighbour] {
        precondition(
            query.count == parameters.dimension,
            "a query of \(query.count) floats in an index of \(parameters.dimension)")
        let k = min(k, rowCount)
        guard k > 0 else { return [] }
        let probes = min(max(probes, 1), parameters.listCount)
        // A spilled row may be among the nearest places twice.
        let copies = parameters.listsPerRow
        let candidates = min(max(candidates, k * copies), rowCount * copies)
        return unsafe kernel.withForms(of: query) { floats, row in
            scratch.withScratch(for: self, candidates: candidates) { scratch in
                unsafe scan(
                    floats, probes: probes, admission, without: nil, watch: watch, scratch)
                let found = unsafe refine(row, k: k, scratch)
                watch?.add(measured: scratch.measuredCount, rescored: scratch.rescoredCount)
                return found
            }
        }
    }

    /// The places that a search for a row finds by their codes, nearest first by these, with their
    /// exact distances: spilled rows may be there twice. The centroid of the row's own list counts as if the row had not been among
    /// those that it is the mean of.
    func candidates(for row: UInt32, probes: Int, count: Int) -> [Neighbour] {
        let count = min(max(count, 1), rowCount * parameters.listsPerRow)
        let query = unsafe vectors.row(Int(row))
        return scratch.withScratch(for: self, candidates: count) { scratch in
            unsafe vectors.withFloats(Int(row)..<Int(row) + 1, under: parameters.metric) {
                floats, _ in
                unsafe scan(
                    floats, probes: min(probes, parameters.listCount), .all, without: row,
                    watch: nil, scratch)
            }
            let found = scratch.select()
            let nearest = unsafe UnsafeBufferPointer(start: scratch.candidates, count: found)
                .sorted()
            return nearest.map { key in
                let distance = unsafe kernel.distance(
                    query, vectors.row(Int(key.ordinal)), dimension: parameters.dimension)
                return Neighbour(ordinal: key.ordinal, distance: distance)
            }
        }
    }

    /// `without` is a row that is searched for itself.
    private func scan(
        _ query: UnsafePointer<Float>, probes: Int, _ admission: Admission, without row: UInt32?,
        watch: SearchWatch?, _ scratch: IVFScratch
    ) {
        let lists = unsafe nearestLists(query, probes, without: row, scratch)
        unsafe quantizer.tables(query, into: scratch.tables)
        let (base, scale) = parameters.bits == 4 ? scratch.roundTables(parameters) : (0, 0)
        admission.withTest(below: rowCount) { test in
            for list in lists {
                if watch?.stops ?? false { break }
                let distance = unsafe scratch.listDistances[list]
                let start = unsafe Int(storage.starts[list])
                let end = unsafe Int(storage.starts[list + 1])
                var place = start
                while place < end {
                    let count = min(Self.chunk, end - place)
                    scratch.measuredCount &+= count
                    let found = find(
                        place, count, base: base + distance, scale: scale, scratch)
                    take(found, from: place, test, scratch)
                    place += count
                }
            }
        }
    }

    /// The lists with the nearest centroids, nearest first; how far these are is in the scratch.
    private func nearestLists(
        _ query: UnsafePointer<Float>, _ probes: Int, without row: UInt32?, _ scratch: IVFScratch
    ) -> [Int] {
        let count = parameters.listCount
        unsafe centroidKernel.distances(
            from: query, toRowsFrom: 0, count: count, in: centroidSpace.space,
            into: scratch.listDistances)
        let own = row.map { unsafe ownList(of: $0, query, scratch) }
        var beam = unsafe SearchBeam(keys: scratch.listKeys, limit: probes)
        for list in 0..<count {
            var distance = unsafe scratch.listDistances[list]
            if let own, own.list == list { distance = own.distance }
            let key = NeighbourKey(
                distance: distance, ordinal: UInt32(truncatingIfNeeded: list))
            if key < beam.bound { beam.insert(key) }
        }
        return (0..<beam.count).map { Int(beam[$0].ordinal) }
    }

    /// The list of a row, and how far its centroid c would be without it: that is (n c − x) / (n − 1)
    /// for a row x of n.
    private func ownList(
        of row: UInt32, _ query: UnsafePointer<Float>, _ scratch: IVFScratch
    ) -> (list: Int, distance: Float) {
        let list = unsafe quantizer.lists(
            of: query, stride: parameters.dimension, count: 1
        ).first
        let own = Int(list ?? 0)
        let places = unsafe Int(storage.starts[own])..<Int(storage.starts[own + 1])
        let members = places.count(where: { unsafe storage.rows[$0] != Self.noRow })
        // The mean is that of the rows whose own list it is.
        let count = Float(members) / Float(parameters.listsPerRow)
        let distance = unsafe scratch.listDistances[own]
        guard count > 1 else { return (own, .infinity) }
        if parameters.metric == .euclid {
            return (own, distance * (count / (count - 1)) * (count / (count - 1)))
        }
        let product = unsafe centroidKernel.distance(query, query, dimension: parameters.dimension)
        return (own, (count * distance - product) / (count - 1))
    }

    /// Finds the places, counted from `place`, whose distance is below that of the worst candidate.
    private func find(
        _ place: Int, _ count: Int, base: Float, scale: Float, _ scratch: IVFScratch
    ) -> Int {
        let terms = unsafe storage.terms.map { unsafe $0 + place }
        let partCount = parameters.partCount
        if parameters.bits == 8 {
            return unsafe ProductCodeKernel.scan(
                codes: storage.codes + place * partCount, terms: terms, count: count,
                tables: scratch.tables, parts: partCount, base: base, bound: scratch.bound,
                places: scratch.places, distances: scratch.distances)
        }
        return unsafe codeKernel.scan(
            blocks: storage.codes + place * partCount / 2, terms: terms, count: count,
            tables: scratch.byteTables, parts: partCount, base: base, scale: scale,
            bound: scratch.bound, places: scratch.places, distances: scratch.distances)
    }

    private func take(
        _ count: Int, from place: Int, _ test: borrowing AdmissionTest, _ scratch: IVFScratch
    ) {
        for index in 0..<count {
            let row = unsafe storage.rows[place + Int(scratch.places[index])]
            guard row != Self.noRow, test.admits(Int(row)) else { continue }
            unsafe scratch.add(NeighbourKey(distance: scratch.distances[index], ordinal: row))
        }
    }

    /// The nearest candidates by their vectors.
    private func refine(
        _ query: UnsafeRawPointer, k: Int, _ scratch: IVFScratch
    ) -> [Neighbour] {
        let found = scratch.select()
        let ids = unsafe scratch.candidateRows
        let distances = unsafe scratch.candidateDistances
        for index in 0..<found { unsafe ids[index] = scratch.candidates[index].ordinal }
        let count = parameters.listsPerRow > 1 ? unsafe Self.removeDuplicates(ids, found) : found
        scratch.rescoredCount = count
        unsafe kernel.distances(from: query, to: ids, count: count, in: vectors, into: distances)
        for index in 0..<count {
            unsafe scratch.candidates[index] = NeighbourKey(
                distance: distances[index], ordinal: ids[index])
        }
        return unsafe UnsafeBufferPointer(start: scratch.candidates, count: count).sorted()
            .prefix(k).map(\.neighbour)
    }

    /// Sorts rows, and keeps each once; returns how many are left.
    private static func removeDuplicates(_ rows: UnsafeMutablePointer<UInt32>, _ count: Int) -> Int
    {
        var sorted = unsafe UnsafeMutableBufferPointer(start: rows, count: count)
        unsafe sorted.sort()
        var kept = 0
        for index in 0..<count where unsafe index == 0 || rows[index] != rows[kept - 1] {
            unsafe rows[kept] = rows[index]
            kept += 1
        }
        return kept
    }
}

/// The memory that one search works in.
@safe
final class IVFScratch: @unchecked Sendable {
    // Sendable: one thread uses it at a time; the pool hands it over under a lock.
    let listDistances: UnsafeMutablePointer<Float>
    let listKeys: UnsafeMutablePointer<NeighbourKey>
    let tables: UnsafeMutablePointer<Float>
    let byteTables: UnsafeMutablePointer<UInt8>
    let places: UnsafeMutablePointer<UInt32>
    let distances: UnsafeMutablePointer<Float>
    /// Twice as many as are wanted: the worse half goes when it is full.
    let candidates: UnsafeMutablePointer<NeighbourKey>
    let candidateRows: UnsafeMutablePointer<UInt32>
    let candidateDistances: UnsafeMutablePointer<Float>
    let capacity: Int
    /// As of `SearchScratch`; places without a row count too.
    var measuredCount = 0
    var rescoredCount = 0
    private var count = 0
    private var limit = 0
    /// Candidates that are not nearer are refused.
    private(set) var bound: Float = .infinity

    init(_ parameters: IVFParameters, candidates: Int) {
        capacity = candidates
        unsafe listDistances = .allocate(capacity: parameters.listCount)
        unsafe listKeys = .allocate(capacity: parameters.listCount + 1)
        unsafe tables = .allocate(capacity: parameters.partCount * parameters.codewordCount)
        unsafe byteTables = .allocate(capacity: parameters.partCount * 16)
        unsafe places = .allocate(capacity: 512)
        unsafe distances = .allocate(capacity: 512)
        unsafe self.candidates = .allocate(capacity: 2 * candidates)
        unsafe candidateRows = .allocate(capacity: candidates)
        unsafe candidateDistances = .allocate(capacity: candidates)
    }

    deinit {
        unsafe listDistances.deallocate()
        unsafe listKeys.deallocate()
        unsafe tables.deallocate()
        unsafe byteTables.deallocate()
        unsafe places.deallocate()
        unsafe distances.deallocate()
        unsafe candidates.deallocate()
        unsafe candidateRows.deallocate()
        unsafe candidateDistances.deallocate()
    }

    func begin(limit: Int) {
        self.limit = limit
        count = 0
        bound = .infinity
    }

    @inline(__always)
    func add(_ key: NeighbourKey) {
        unsafe candidates[count] = key
        count &+= 1
        if count == 2 &* limit { _ = select() }
    }

    /// Keeps the nearest, in no order; returns how many there are.
    func select() -> Int {
        guard count > limit else { return count }
        var low = 0
        var high = count - 1
        // Quickselect (Hoare's FIND, 1961), with the middle as pivot.
        while low < high {
            let pivot = unsafe candidates[(low + high) / 2]
            var left = low
            var right = high
            while left <= right {
                while unsafe candidates[left] < pivot { left += 1 }
                while unsafe candidates[right] > pivot { right -= 1 }
                if left <= right {
                    unsafe swap(&candidates[left], &candidates[right])
                    left += 1
                    right -= 1
                }
            }
            if limit - 1 <= right {
                high = right
            } else if limit - 1 >= left {
                low = left
            } else {
                break
            }
        }
        count = limit
        bound = unsafe candidates[limit - 1].distance
        return count
    }

    /// The tables as bytes, of one scale: a distance is base + scale × the sum of bytes.
    func roundTables(_ parameters: IVFParameters) -> (base: Float, scale: Float) {
        var base: Float = 0
        var widest: Float = 0
        for part in 0..<parameters.partCount {
            let table = unsafe UnsafeBufferPointer(start: tables + part * 16, count: 16)
            let low = unsafe table.min() ?? 0
            base += low
            widest = unsafe max(widest, (table.max() ?? 0) - low)
        }
        guard widest > 0, widest.isFinite else {
            for index in 0..<parameters.partCount * 16 { unsafe byteTables[index] = 0 }
            return (base, 0)
        }
        let inverse = 255 / widest
        for part in 0..<parameters.partCount {
            let table = unsafe tables + part * 16
            let low = unsafe UnsafeBufferPointer(start: table, count: 16).min() ?? 0
            for code in 0..<16 {
                let value = unsafe (table[code] - low) * inverse + 0.5
                unsafe byteTables[part * 16 + code] = UInt8(min(255, max(0, value)))
            }
        }
        return (base, widest / 255)
    }
}

/// Scratch memory that is not in use.
final class IVFScratchPool: Sendable {
    private let idle = Mutex<[IVFScratch]>([])

    func withScratch<R>(
        for index: IVFIndex, candidates: Int, _ body: (IVFScratch) -> R
    ) -> R {
        let waiting = idle.withLock { $0.popLast() }
        let scratch =
            waiting.flatMap { $0.capacity >= candidates ? $0 : nil }
            ?? IVFScratch(index.parameters, candidates: candidates)
        defer { idle.withLock { $0.append(scratch) } }
        scratch.begin(limit: candidates)
        scratch.measuredCount = 0
        scratch.rescoredCount = 0
        return body(scratch)
    }
}
