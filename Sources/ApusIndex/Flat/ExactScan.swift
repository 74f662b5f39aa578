package import ApusCore
package import ApusKernels

/// Exact search by computing every distance: the judge of the indexes, and the best plan for
/// small sets.
package enum ExactScan {
    /// Rows per kernel call.
    static var blockSize: Int { 256 }

    /// The `k` nearest admitted rows of `range`, best first.
    ///
    /// `query` is `[dimension]` floats as `DistanceKernel.prepare` returns them; every row of
    /// `range` is there. `isPresent`, when given, is the set of ordinals that have a vector in this
    /// field. O(rows × dimension); rows that a filter excludes are not read when `admission.filter`
    /// is sparse.
    package static func search(
        _ query: [Float], kernel: DistanceKernel, vectors: VectorSpace, range: Range<Int>, k: Int,
        isPresent: Bitmap? = nil, admission: Admission = .all, watch: SearchWatch? = nil
    ) -> [Neighbour] {
        precondition(
            query.count == vectors.dimension,
            "a query of \(query.count) floats in a space of \(vectors.dimension)")
        precondition(
            kernel.element == vectors.element,
            "a kernel of \(kernel.element) for vectors of \(vectors.element)")
        let lower = max(0, range.lowerBound)
        let upper = min(range.upperBound, admission.visibleCount)
        guard k > 0, lower < upper else { return [] }
        var scan = Scan(kernel: kernel, vectors: vectors, limit: min(k, upper - lower))
        admission.withTest(below: upper) { test in
            unsafe kernel.withForms(of: query) { _, query in
                if unsafe test.filter != nil {
                    unsafe scan.takeFiltered(
                        lower..<upper, query: query, test: test, isPresent: isPresent, watch: watch)
                    return
                }
                var row = lower
                while row < upper {
                    let end = min(upper, row + blockSize)
                    unsafe scan.take(row..<end, query: query, test: test, isPresent: isPresent)
                    row = end
                    if watch?.stops ?? false { break }
                }
            }
        }
        watch?.add(measured: scan.measuredCount)
        return scan.best.neighbours
    }

    /// The state of one search.
    private struct Scan {
        let kernel: DistanceKernel
        let vectors: VectorSpace
        private(set) var measuredCount = 0
        private var ids: [UInt32] = []
        private var distances = [Float](repeating: 0, count: ExactScan.blockSize)
        private(set) var best: NearestKeys

        init(kernel: DistanceKernel, vectors: VectorSpace, limit: Int) {
            self.kernel = kernel
            self.vectors = vectors
            best = NearestKeys(limit: limit)
            ids.reserveCapacity(ExactScan.blockSize)
        }

        mutating func take(
            _ rows: Range<Int>, query: UnsafeRawPointer, test: borrowing AdmissionTest,
            isPresent: Bitmap?
        ) {
            ids.removeAll(keepingCapacity: true)
            for row in rows where test.admits(row) {
                if let isPresent, row >= isPresent.count || !isPresent[row] { continue }
                ids.append(UInt32(truncatingIfNeeded: row))
            }
            unsafe measure(query, isWhole: ids.count == rows.count)
        }

        /// The rows of a filter, found by its words and gathered to full blocks: few may match.
        mutating func takeFiltered(
            _ rows: Range<Int>, query: UnsafeRawPointer, test: borrowing AdmissionTest,
            isPresent: Bitmap?, watch: SearchWatch?
        ) {
            ids.removeAll(keepingCapacity: true)
            let end = min(rows.upperBound, test.end)
            var word = rows.lowerBound / 64
            while word * 64 < end {
                var bits = unsafe test.filter?[word] ?? .max
                while bits != 0 {
                    let row = word * 64 + bits.trailingZeroBitCount
                    bits &= bits - 1
                    guard rows.contains(row), test.admits(row) else { continue }
                    if let isPresent, row >= isPresent.count || !isPresent[row] { continue }
                    ids.append(UInt32(truncatingIfNeeded: row))
                    if ids.count == ExactScan.blockSize {
                        unsafe measure(query, isWhole: false)
                        ids.removeAll(keepingCapacity: true)
                        if watch?.stops ?? false { return }
                    }
                }
                word += 1
            }
            unsafe measure(query, isWhole: false)
        }

        /// Measures the rows `ids`, which lie side by side when they are whole.
        private mutating func measure(_ query: UnsafeRawPointer, isWhole: Bool) {
            let count = ids.count
            guard let first = ids.first else { return }
            measuredCount += count
            unsafe distances.withUnsafeMutableBufferPointer { distances in
                guard let target = distances.baseAddress else { return }
                if isWhole {
                    unsafe kernel.distances(
                        from: query, toRowsFrom: Int(first), count: count, in: vectors,
                        into: target)
                } else {
                    unsafe ids.withUnsafeBufferPointer { ids in
                        guard let start = ids.baseAddress else { return }
                        unsafe kernel.distances(
                            from: query, to: start, count: count, in: vectors, into: target)
                    }
                }
            }
            for index in 0..<count {
                best.offer(NeighbourKey(distance: distances[index], ordinal: ids[index]))
            }
        }
    }
}
