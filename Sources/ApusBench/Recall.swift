package import ApusCore
package import ApusPipeline

/// Counts how many of the found neighbours are as near as the exact ones.
///
/// By distance, not by id: a found id counts when its own distance is at most the distance of the
/// k-th exact neighbour, within one part in a million. Ties and the last bit of another kernel
/// are no misses. Every distance is computed here, in double precision, from the vectors.
package struct Recall: Sendable {
    private let metric: Metric
    private let base: FloatRows
    private let queries: FloatRows
    private let k: Int
    /// Per query the largest distance that counts.
    private let bounds: [Double]

    /// `truth` has at least `k` neighbours a query, best first, all of them rows of `base`.
    package init(metric: Metric, base: FloatRows, queries: FloatRows, truth: IDRows, k: Int) {
        self.metric = metric
        self.base = base
        self.queries = queries
        self.k = k
        bounds = (0..<queries.count).map { query in
            let nearest = truth[query].prefix(k).map {
                Self.distance(metric, queries[query], base[$0])
            }
            let bound = nearest.max() ?? 0
            // A cosine is at most 1, so its rounding does not shrink with the distance.
            let scale = metric == .cosine ? 1 : bound.magnitude
            return bound + 1e-6 * scale
        }
    }

    /// The mean over the queries, 0…1. `found` has the ids of each query, in the queries' order;
    /// an id that is there twice counts once, one that is no row of the base never.
    package func mean(of found: [[Int]]) -> Double {
        guard !found.isEmpty else { return 0 }
        let right = zip(bounds.indices, found).reduce(0) { $0 + hits($1.0, $1.1) }
        return Double(right) / Double(k * found.count)
    }

    private func hits(_ query: Int, _ ids: [Int]) -> Int {
        Set(ids.prefix(k)).count { id in
            (0..<base.count).contains(id)
                && Self.distance(metric, queries[query], base[id]) <= bounds[query]
        }
    }

    /// Smaller is nearer, in any metric.
    private static func distance(
        _ metric: Metric, _ left: ArraySlice<Float>, _ right: ArraySlice<Float>
    ) -> Double {
        let pairs = zip(left, right).lazy.map { (Double($0), Double($1)) }
        switch metric {
        case .euclid: return pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        case .manhattan: return pairs.reduce(0) { $0 + ($1.0 - $1.1).magnitude }
        case .dot: return -pairs.reduce(0) { $0 + $1.0 * $1.1 }
        case .cosine:
            let dot = pairs.reduce(0) { $0 + $1.0 * $1.1 }
            let norms = pairs.reduce((0, 0)) { ($0.0 + $1.0 * $1.0, $0.1 + $1.1 * $1.1) }
            let scale = (norms.0 * norms.1).squareRoot()
            return scale > 0 ? 1 - dot / scale : 1
        }
    }
}
