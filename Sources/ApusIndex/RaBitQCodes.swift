package import ApusCore
package import ApusKernels

extension RaBitQArena {
    /// Rows that one job codes, and of which one sum is taken.
    private static var rowsPerJob: Int { 2048 }

    /// The codes of the first `rowCount` rows of `vectors`, less the mean of those that are present.
    ///
    /// The same rows give the same bytes, on any machine and any number of threads. O(rows ×
    /// dimension × log dimension), on the threads of `pool`, if there is one, and the caller's.
    package static func coding(
        _ vectors: VectorSpace, rowCount: Int, bits: RaBitQBits, metric: Metric,
        isPresent: @escaping @Sendable (Int) -> Bool, pool: WorkerPool?
    ) throws(KernelError) -> RaBitQArena {
        let centroid = mean(
            of: vectors, under: metric, rowCount: rowCount, isPresent: isPresent, pool: pool)
        let arena = try RaBitQArena(
            capacity: rowCount, bits: bits, metric: metric, centroid: centroid)
        _ = map(jobs(rowCount), pool) { arena.store($0, of: vectors) }
        return arena
    }

    /// `[dimension]`; zero where there is no row, or where the sum is not finite.
    private static func mean(
        of vectors: VectorSpace, under metric: Metric, rowCount: Int,
        isPresent: @escaping @Sendable (Int) -> Bool, pool: WorkerPool?
    ) -> [Float] {
        let dimension = vectors.dimension
        let sums = map(jobs(rowCount), pool) { rows -> (count: Int, sum: [Double]) in
            var count = 0
            var sum = [Double](repeating: 0, count: dimension)
            for row in rows where isPresent(row) {
                unsafe vectors.withFloats(row..<row + 1, under: metric) { floats, _ in
                    for index in 0..<dimension { sum[index] += unsafe Double(floats[index]) }
                }
                count += 1
            }
            return (count, sum)
        }
        let count = Double(max(1, sums.reduce(0) { $0 + $1.count }))
        return (0..<dimension).map { index in
            let mean = Float(sums.reduce(0) { $0 + $1.sum[index] } / count)
            return mean.isFinite ? mean : 0
        }
    }

    private static func jobs(_ rowCount: Int) -> [Range<Int>] {
        stride(from: 0, to: rowCount, by: rowsPerJob).map { start in
            start..<min(rowCount, start + rowsPerJob)
        }
    }

    private static func map<Value: Sendable>(
        _ jobs: [Range<Int>], _ pool: WorkerPool?,
        _ body: @escaping @Sendable (Range<Int>) -> Value
    ) -> [Value] {
        guard let pool else { return jobs.map(body) }
        return pool.map(iterations: jobs.count) { body(jobs[$0]) }
    }
}
