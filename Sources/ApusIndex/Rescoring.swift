internal import ApusKernels

/// Which of the rows that codes found are measured by their vectors.
package enum Rescoring: Hashable, Sendable {
    /// As many as it takes for the best of them to be the answer.
    case asNeeded
    /// Of the nearest by code so many, if it takes as many.
    case nearest(Int)
    /// None: distances are estimates.
    case never
}

// What codes found becomes an answer.
//
// The error of 8-bit codes is not known beforehand: it is seen on the rows that are measured, in the
// order of the beam. RaBitQ codes bring their own: an estimate's standard deviation is the row's
// error times the query's length, so each row has a lower bound, and a row whose bound is not below
// the k-th nearest so far is left alone (RaBitQ, section 4).

extension IndexRows {
    /// Rows whose exact distance is computed before it is known how wrong the codes are.
    private static var firstExact: Int { 16 }

    /// Standard deviations between an estimate and its lower bound.
    static var boundDeviations: Float { 2.5 }

    /// The `k` nearest of the rows in `beam`, best first.
    func answers(
        _ beam: SearchBeam, k: Int, from query: Query, _ scratch: SearchScratch,
        _ rescoring: Rescoring = .asNeeded
    ) -> [Neighbour] {
        guard k > 0 else { return [] }
        guard let code = query.code, rescoring != .never else {
            return estimates(beam, k: k, from: query)
        }
        var end = beam.count
        if case .nearest(let count) = rescoring { end = min(end, max(k, count)) }
        switch code {
        case .bytes: return bySeenErrors(beam, end: end, k: k, from: query, scratch)
        case .rabitq(let code, let space):
            return byBounds(beam, end: end, k: k, from: query, code, space, scratch)
        }
    }

    /// In the order of the beam, with the distances that it has.
    private func estimates(_ beam: SearchBeam, k: Int, from query: Query) -> [Neighbour] {
        (0..<min(k, beam.count)).map { index in
            var neighbour = beam[index].neighbour
            // Estimates of squares may be below zero.
            if kernel.metric == .euclid { neighbour.distance = max(0, neighbour.distance) }
            return neighbour
        }
    }

    /// In the order of the beam: the rows that were measured exactly so far tell how much nearer a
    /// row may be than its code says, and the rest is left alone once that would not bring it
    /// among the `k` best. Twice the largest error so far is allowed for, so the answer is that of
    /// measuring every row except where one error is more than twice as large as all those before.
    private func bySeenErrors(
        _ beam: SearchBeam, end: Int, k: Int, from query: Query, _ scratch: SearchScratch
    ) -> [Neighbour] {
        var best = NearestByVector(k: k)
        let ids = unsafe scratch.ids
        let distances = unsafe scratch.distances
        var error: Float = 0
        var done = 0
        while done < end {
            if done > 0, beam[done].distance - 2 * error > best.bound { break }
            let count = min(done == 0 ? max(k, Self.firstExact) : 8, end - done)
            let block = min(count, scratch.blockCapacity)
            for index in 0..<block { unsafe ids[index] = beam[done + index].ordinal }
            measure(block, from: query, into: &best, scratch)
            for index in 0..<block {
                error = max(error, unsafe beam[done + index].distance - distances[index])
            }
            done += block
        }
        return best.neighbours
    }

    private func byBounds(
        _ beam: SearchBeam, end: Int, k: Int, from query: Query, _ code: RaBitQQuery,
        _ space: RaBitQSpace, _ scratch: SearchScratch
    ) -> [Neighbour] {
        var best = NearestByVector(k: k)
        let reach = code.length * Self.boundDeviations
        let ids = unsafe scratch.ids
        var next = 0
        while next < end {
            let bound = best.bound
            let block = min(best.isFull ? 8 : max(k, Self.firstExact), scratch.blockCapacity)
            var count = 0
            while next < end, count < block {
                let key = beam[next]
                next += 1
                // What is no number is measured.
                if key.distance - reach * space.error(of: key.ordinal) > bound { continue }
                unsafe ids[count] = key.ordinal
                count += 1
            }
            measure(count, from: query, into: &best, scratch)
        }
        return best.neighbours
    }

    /// Takes in those of the first `count` rows of the scratch memory that may be among the nearest;
    /// `estimates` are theirs, in the place of the distances.
    func takeIn(
        _ count: Int, from query: Query, _ code: RaBitQQuery, _ space: RaBitQSpace,
        into best: inout NearestByVector, _ scratch: SearchScratch
    ) {
        let reach = code.length * Self.boundDeviations
        let ids = unsafe scratch.ids
        let estimates = unsafe scratch.distances
        let bound = best.bound
        var left = 0
        for index in 0..<count {
            let lower = unsafe estimates[index] - reach * space.error(of: ids[index])
            if lower > bound { continue }
            unsafe ids[left] = ids[index]
            left += 1
        }
        measure(left, from: query, into: &best, scratch)
    }

    /// The vectors of the first `count` ids of the scratch memory.
    private func measure(
        _ count: Int, from query: Query, into best: inout NearestByVector,
        _ scratch: SearchScratch
    ) {
        guard count > 0 else { return }
        scratch.rescoredCount &+= count
        let ids = unsafe scratch.ids
        let distances = unsafe scratch.distances
        unsafe kernel.distances(
            from: query.row, to: ids, count: count, in: vectors, into: distances)
        for index in 0..<count {
            best.insert(unsafe NeighbourKey(distance: distances[index], ordinal: ids[index]))
        }
        best.trim()
    }
}

/// The nearest rows by their vectors, of those that were looked at so far.
struct NearestByVector {
    private let k: Int
    private var keys: [NeighbourKey] = []

    init(k: Int) {
        self.k = k
        keys.reserveCapacity(min(2 * k + 32, 4096))
    }

    var isFull: Bool { keys.count >= k }

    /// The distance of the k-th; infinite while there are fewer. After `trim`.
    var bound: Float { isFull ? keys[k - 1].distance : .infinity }

    var neighbours: [Neighbour] { keys.map(\.neighbour) }

    mutating func insert(_ key: NeighbourKey) { keys.append(key) }

    /// Sorts, and leaves `k` at most.
    mutating func trim() {
        keys.sort()
        if keys.count > k { keys.removeLast(keys.count - k) }
    }
}
