internal import ApusCore
internal import ApusKernels

/// What an index is measured by: for some of its rows the exact distances of the nearest others.
struct RecallTruth: Sendable {
    /// Searches of which a curve is the mean. The standard error of a recall@10 of 0.95 is 0.004.
    private static let sampleCount = 512
    /// Below this many rows nothing is measured: searches compare them all.
    static let rowsMin = 1000
    /// Samples that share a pass over the vectors.
    private static let samplesPerPass = 32

    let vectors: VectorSpace
    let rowCount: Int
    let kernel: DistanceKernel
    let isPresent: @Sendable (Int) -> Bool

    /// Rows that are fit to be samples, spread over all.
    static func samples(of rowCount: Int, isFit: (Int) -> Bool) -> [UInt32] {
        var samples: [UInt32] = []
        for sample in 0..<sampleCount {
            // Not at equal distances, which rows that come in turns would fall in step with.
            let start = sample * rowCount / sampleCount
            let end = (sample + 1) * rowCount / sampleCount
            guard start < end else { continue }
            let offset = Int(UInt32(truncatingIfNeeded: sample) &* 2_654_435_761) % (end - start)
            let fit = (0..<(end - start)).first { isFit(start + (offset + $0) % (end - start)) }
            if let fit {
                samples.append(UInt32(truncatingIfNeeded: start + (offset + fit) % (end - start)))
            }
        }
        return samples
    }

    /// How many of the `k` nearest there are in an answer, best first: those count that are no
    /// farther than the k-th nearest.
    static func hits(among found: [Neighbour], _ exact: [Float], k: Int) -> Int {
        guard exact.count >= k else { return k }
        let farthest = exact[k - 1]
        return found.prefix(k).count(where: { $0.distance <= farthest })
    }

    /// For each sample the distances of the `limit` nearest other rows, ascending. O(samples × rows
    /// × dimension), on the threads of `pool` and the caller's.
    func distances(
        of samples: [UInt32], limit: Int = RecallCurve.commonLimit, pool: WorkerPool
    ) -> [[Float]] {
        var present = Bitmap(count: rowCount)
        for row in 0..<rowCount where isPresent(row) { present[row] = true }
        let passCount = (samples.count + Self.samplesPerPass - 1) / Self.samplesPerPass
        return pool.map(iterations: passCount) { [present] pass -> [[Float]] in
            let rest = samples.dropFirst(pass * Self.samplesPerPass)
            return distances(
                of: Array(rest.prefix(Self.samplesPerPass)), limit: limit, among: present)
        }.flatMap(\.self)
    }

    private func distances(
        of samples: [UInt32], limit: Int, among present: Bitmap
    ) -> [[Float]] {
        // The sample itself is found too, unless others are as near.
        let found = ExactScan.search(
            all: samples.map { vectors.vector(at: Int($0)) }, kernel: kernel, vectors: vectors,
            range: 0..<rowCount, k: limit + 1, isPresent: present)
        return zip(samples, found).map { sample, found in
            found.filter { $0.ordinal != sample }.prefix(limit).map(\.distance)
        }
    }
}
