package import ApusCore

extension IVFIndex {
    private static var probeCounts: [Int] { [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] }

    /// Measures recall by the number of probes and keeps it as `recallCurve`, unless the rows are
    /// few. `isPresent` as in `build`.
    ///
    /// Some of the rows are searched for among the others, as if they had not been there when the
    /// centroids were learned. The same index gives the same curve.
    package func measureRecall(
        isPresent: @escaping @Sendable (Int) -> Bool = { _ in true }, pool: WorkerPool
    ) {
        guard rowCount >= RecallTruth.rowsMin else { return }
        let samples = RecallTruth.samples(of: rowCount, isFit: isPresent)
        guard !samples.isEmpty else { return }
        let exact = RecallTruth(
            vectors: vectors, rowCount: rowCount, kernel: kernel, isPresent: isPresent
        ).distances(of: samples, pool: pool)
        var points: [RecallCurve.Point] = []
        let limits = RecallCurve.commonLimits
        let listCount = parameters.listCount
        for probes in Self.probeCounts.filter({ $0 < listCount }) + [listCount] {
            let found = pool.map(iterations: samples.count) { [self] index in
                hits(searching: samples[index], probes: probes, exact[index])
            }
            let recalls = limits.indices.map { limit in
                Double(found.reduce(0) { $0 + $1[limit] })
                    / Double(samples.count * limits[limit])
            }
            points.append(RecallCurve.Point(ef: probes, recalls: recalls))
            if recalls.allSatisfy({ $0 >= 0.998 }) { break }
        }
        recallCurve = RecallCurve(.probes, points: points, sampleCount: samples.count)
    }

    /// How many of the k nearest other rows a search finds, for each k that is measured: all from
    /// the candidates of one scan, of which a search for k measures the first by their vectors.
    private func hits(searching sample: UInt32, probes: Int, _ exact: [Float]) -> [Int] {
        let limits = RecallCurve.commonLimits
        let copies = parameters.listsPerRow
        let found = candidates(
            for: sample, probes: probes, count: Self.candidates(k: limits.last ?? 0) + copies)
        return limits.map { limit in
            let nearest = found.prefix(Self.candidates(k: limit) + copies)
                .filter { $0.ordinal != sample }
            let answer = copies > 1 ? Set(nearest).sorted() : nearest.sorted()
            return RecallTruth.hits(among: answer, exact, k: limit)
        }
    }
}
