private import ApusCore
private import ApusIndex
private import ApusKernels
internal import ApusPipeline

extension Dataset {
    /// For each query its `k` exact neighbours among the base's vectors as they are in the file, best
    /// first, on so many threads.
    ///
    /// - Throws: `KernelError` when there is no memory for a copy of the base.
    func exactNeighbours(k: Int, threads: Int) throws -> IDRows {
        let kernel = DistanceKernel(metric: metric)
        let arena = try VectorArena(dimension: base.dimension, capacity: base.count)
        for row in 0..<base.count { arena.store(kernel.prepare(Array(base[row])), at: row) }
        let (queries, rowCount) = (queries, base.count)
        // Each share is large enough to be answered in one pass, and there is one for each thread.
        let share = min(64, max(1, (queries.count + threads - 1) / threads))
        let shareCount = (queries.count + share - 1) / share
        let pool = WorkerPool(name: "truth", threadCount: max(1, threads - 1))
        defer { pool.shutdown() }
        let found = pool.map(iterations: shareCount) { number -> [[Neighbour]] in
            let rows = number * share..<min((number + 1) * share, queries.count)
            return ExactScan.search(
                all: rows.map { kernel.prepare(Array(queries[$0])) }, kernel: kernel,
                vectors: arena.space, range: 0..<rowCount, k: k)
        }
        return IDRows(
            width: k, values: found.flatMap { $0.flatMap { $0.map { Int($0.ordinal) } } })
    }
}
