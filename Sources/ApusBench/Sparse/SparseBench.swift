internal import ApusCore
private import ApusIndex

/// What a search over inverted lists costs that skips what cannot be among the best, beside one that
/// adds up every entry, in turns and query by query. Both must give the same answers.
package struct SparseBench {
    /// Searches of one kind.
    package struct Figure: Sendable {
        package var k: Int
        /// One row in so many may be found.
        package var filterShare: Int
        package var isPruned: Bool
        /// Entries that were added up or looked up for a query, in the mean.
        package var entriesRead: Double
        /// Microseconds that half, 95 % and 99 % of the queries took at most, and in the mean.
        package var p50: Double
        package var p95: Double
        package var p99: Double
        package var mean: Double
    }

    private let index = SparseIndex()
    private let rowCount: Int
    private let queries: [SparseVector]

    /// With `weighsByFrequency`, queries are weighted by inverse document frequency.
    package init(_ vectors: SparseVectors, weighsByFrequency: Bool) {
        rowCount = vectors.base.count
        for (row, vector) in vectors.base.enumerated() {
            index.insert(vector, ordinal: UInt32(truncatingIfNeeded: row))
        }
        queries = vectors.queries.map { [index] query in
            guard weighsByFrequency else { return query }
            var query = query
            for (place, term) in query.indices.enumerated() {
                query.values[place] *= SparseIndex.inverseDocumentFrequency(
                    documentCount: index.count, documentFrequency: index.documentFrequency(of: term)
                )
            }
            return query
        }
    }

    /// How many entries the lists have.
    package var postingCount: Int { index.postingCount }

    /// Every query `passes` times with every plan; the fastest time of each counts.
    package func run(k: Int, filterShare: Int, passes: Int) throws -> [Figure] {
        let filter = filter(of: filterShare)
        let plans = [SparsePlan.exhaustive, .pruned]
        var times = plans.map { _ in [Duration](repeating: .seconds(3600), count: queries.count) }
        var entries = plans.map { _ in 0 }
        for pass in 0..<passes {
            for (number, query) in queries.enumerated() {
                var answers: [[SparseMatch]] = []
                for (place, plan) in plans.enumerated() {
                    let watch = SearchWatch()
                    let start = ContinuousClock.now
                    answers.append(
                        index.search(
                            query: query, k: k, filter: filter, plan: plan, watch: watch
                        ) { row in filter?[Int(row)] ?? true })
                    times[place][number] = min(
                        times[place][number], start.duration(to: .now))
                    if pass == 0 { entries[place] += watch.measuredCount }
                }
                guard answers[0] == answers[1] else {
                    throw BenchError("query \(number) has other answers when entries are skipped")
                }
            }
        }
        return plans.indices.map { place in
            let measurement = Measurement(
                recall: 1, latencies: times[place],
                elapsed: times[place].reduce(.zero, +))
            return Figure(
                k: k, filterShare: filterShare, isPruned: place == 1,
                entriesRead: Double(entries[place]) / Double(queries.count),
                p50: measurement.p50, p95: measurement.p95, p99: measurement.p99,
                mean: 1e6 / measurement.queriesPerSecond)
        }
    }

    /// The same rows in every run.
    private func filter(of share: Int) -> Bitmap? {
        guard share > 1 else { return nil }
        var random = Xorshift(seed: 3)
        var filter = Bitmap(count: rowCount)
        for row in 0..<rowCount where random.next() % UInt64(share) == 0 { filter[row] = true }
        return filter
    }
}
