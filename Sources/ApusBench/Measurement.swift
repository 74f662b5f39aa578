/// What one pass over the queries cost.
package struct Measurement: Hashable, Sendable {
    /// Mean over the queries, 0…1.
    package var recall: Double
    package var queriesPerSecond: Double
    /// Microseconds that half, 95 % and 99 % of the queries took at most.
    package var p50: Double
    package var p95: Double
    package var p99: Double

    /// `latencies` has one duration a query, `elapsed` is the time of the whole pass.
    package init(recall: Double, latencies: [Duration], elapsed: Duration) {
        self.recall = recall
        queriesPerSecond = Double(latencies.count) / (elapsed / .seconds(1))
        let sorted = latencies.sorted()
        func percentile(_ part: Double) -> Double {
            guard !sorted.isEmpty else { return 0 }
            let rank = Int((part * Double(sorted.count)).rounded(.up))
            return sorted[max(0, min(rank, sorted.count) - 1)] / .microseconds(1)
        }
        p50 = percentile(0.5)
        p95 = percentile(0.95)
        p99 = percentile(0.99)
    }
}

/// What making the index cost.
package struct BuildCost: Sendable {
    /// From the first upsert until every point is in the graph and the segment file is written;
    /// nil when an earlier run's database was used.
    package var seconds: Double?
    /// Processor time of the whole process in that span.
    package var cpuSeconds: Double?
    /// Of the segment files: vectors, codes, graph, ids.
    package var bytesPerVector: Double
    /// The same by what the bytes hold, in the engine's words; parts that hold nothing are left
    /// out.
    package var split: [(part: String, bytes: Double)]
    package var segments: Int
    /// Points that the filter lets through; nil without one.
    package var matches: Int?
}
