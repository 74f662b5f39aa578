package import ApusCore
private import ApusKernels

extension HNSWIndex {
    /// The `k` nearest admitted rows of `range`, in the graph or not, best first, with their exact
    /// distances unless `rescoring` says otherwise: all of them are measured by their codes, and of
    /// the `candidates` nearest as many as it takes by their vectors. Codes with known errors tell
    /// row by row whether it takes the vector, and `candidates` means nothing. Without codes the
    /// vectors are measured at once.
    ///
    /// Every row of `range` is there. `isPresent`, when given, is the set of ordinals that have a
    /// vector in this field. O(rows × dimension); rows that a filter excludes are not read.
    package func scan(
        _ query: [Float], range: Range<Int>, k: Int, candidates: Int, isPresent: Bitmap? = nil,
        admission: Admission = .all, rescoring: Rescoring = .asNeeded,
        watch: SearchWatch? = nil
    ) -> [Neighbour] {
        precondition(
            query.count == parameters.dimension,
            "a query of \(query.count) floats in an index of \(parameters.dimension)")
        let k = min(k, range.count)
        guard k > 0 else { return [] }
        return unsafe rows.kernel.withForms(of: query) { floats, row in
            scratch.withScratch(watch) { scratch in
                let query = unsafe rows.query(floats, row, codes: scratch.queryCodes)
                if case .rabitq(let code, let space)? = query.code, rescoring == .asNeeded {
                    var best = NearestByVector(k: k)
                    admission.withTest(below: range.upperBound) { test in
                        forEachBlock(of: range, isPresent, test, from: query, scratch) { count in
                            rows.takeIn(count, from: query, code, space, into: &best, scratch)
                        }
                    }
                    return best.neighbours
                }
                var beam = scratch.beam(limit: min(max(candidates, k), range.count))
                admission.withTest(below: range.upperBound) { test in
                    forEachBlock(of: range, isPresent, test, from: query, scratch) { count in
                        insert(count, into: &beam, scratch)
                    }
                }
                return rows.answers(beam, k: k, from: query, scratch, rescoring)
            }
        }
    }

    /// Calls `body` with blocks of admitted rows, whose ids and distances are in the scratch memory.
    private func forEachBlock(
        of range: Range<Int>, _ isPresent: Bitmap?, _ test: borrowing AdmissionTest,
        from query: IndexRows.Query, _ scratch: SearchScratch, _ body: (_ count: Int) -> Void
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
                    unsafe rows.distances(
                        from: query, to: ids, count: count, into: scratch.distances)
                    scratch.measuredCount &+= count
                    body(count)
                    count = 0
                    if scratch.watch?.stops ?? false { return }
                }
            }
            word += 1
        }
        unsafe rows.distances(from: query, to: ids, count: count, into: scratch.distances)
        scratch.measuredCount &+= count
        body(count)
    }

    private func insert(_ count: Int, into beam: inout SearchBeam, _ scratch: SearchScratch) {
        let ids = unsafe scratch.ids
        let distances = unsafe scratch.distances
        for index in 0..<count {
            let key = unsafe NeighbourKey(distance: distances[index], ordinal: ids[index])
            if key < beam.bound { beam.insert(key) }
        }
    }
}
