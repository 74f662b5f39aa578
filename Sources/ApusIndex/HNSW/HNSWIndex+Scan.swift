package import ApusCore
private import ApusKernels

extension HNSWIndex {
    /// The `k` nearest admitted rows of `range`, in the graph or not, best first, with their exact
    /// distances: all of them are measured by their codes, and of the `candidates` nearest as many
    /// as it takes by their vectors. Without codes the vectors are measured at once.
    ///
    /// Every row of `range` is there. `isPresent`, when given, is the set of ordinals that have a
    /// vector in this field. O(rows × dimension); rows that a filter excludes are not read.
    package func scan(
        _ query: [Float], range: Range<Int>, k: Int, candidates: Int, isPresent: Bitmap? = nil,
        admission: Admission = .all
    ) -> [Neighbour] {
        precondition(
            query.count == parameters.dimension,
            "a query of \(query.count) floats in an index of \(parameters.dimension)")
        let k = min(k, range.count)
        guard k > 0 else { return [] }
        return unsafe query.withUnsafeBufferPointer { query in
            guard let start = query.baseAddress else { return [] }
            return scratch.withScratch { scratch in
                let query = unsafe rows.query(start, codes: scratch.queryCodes)
                var beam = scratch.beam(limit: min(max(candidates, k), range.count))
                admission.withTest(below: range.upperBound) { test in
                    measure(range, isPresent, test, from: query, into: &beam, scratch)
                }
                return rows.exactly(beam, k: k, from: query, scratch)
            }
        }
    }

    private func measure(
        _ range: Range<Int>, _ isPresent: Bitmap?, _ test: borrowing AdmissionTest,
        from query: IndexRows.Query, into beam: inout SearchBeam, _ scratch: SearchScratch
    ) {
        let ids = unsafe scratch.ids
        var count = 0
        var word = range.lowerBound / 64
        let end = min(range.upperBound, test.end)
        while word * 64 < end {
            var bits = unsafe test.filter?[word] ?? .max
            while bits != 0 {
                let ordinal = word * 64 + bits.trailingZeroBitCount
                bits &= bits - 1
                guard range.contains(ordinal), test.admits(ordinal), isPresent?[ordinal] ?? true
                else { continue }
                unsafe ids[count] = UInt32(truncatingIfNeeded: ordinal)
                count += 1
                if count == scratch.blockCapacity {
                    measure(count, from: query, into: &beam, scratch)
                    count = 0
                }
            }
            word += 1
        }
        measure(count, from: query, into: &beam, scratch)
    }

    /// The first `count` ids of the scratch memory.
    private func measure(
        _ count: Int, from query: IndexRows.Query, into beam: inout SearchBeam,
        _ scratch: SearchScratch
    ) {
        let ids = unsafe scratch.ids
        let distances = unsafe scratch.distances
        unsafe rows.distances(from: query, to: ids, count: count, into: distances)
        for index in 0..<count {
            let key = unsafe NeighbourKey(distance: distances[index], ordinal: ids[index])
            if key < beam.bound { beam.insert(key) }
        }
    }
}
