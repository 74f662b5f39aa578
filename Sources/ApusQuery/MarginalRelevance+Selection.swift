package import ApusCore

extension MarginalRelevance {
    /// Picks of `count` candidates, which are in the order of their relevance, `limit` at most: first
    /// the first one, then always the one with the greatest
    /// `(1 − diversity) · relevance − diversity · (greatest similarity to one picked before)`.
    ///
    /// Calls `similarity` once for each pick and each candidate that is left.
    /// O(limit · count).
    package func picks(
        among count: Int, limit: Int, relevance: (Int) -> Float,
        similarity: (_ picked: Int, _ candidate: Int) -> Float
    ) -> [Int] {
        guard count > 0, limit > 0 else { return [] }
        let relevances = (0..<count).map(relevance)
        var closeness = [Float](repeating: -.infinity, count: count)
        var picks = [0]
        var pending = Array(1..<count)
        while picks.count < limit, !pending.isEmpty, let last = picks.last {
            var best = 0
            var bestScore = -Float.infinity
            for (position, candidate) in pending.enumerated() {
                closeness[candidate] = max(closeness[candidate], similarity(last, candidate))
                let score =
                    (1 - diversity) * relevances[candidate] - diversity * closeness[candidate]
                if score > bestScore { (best, bestScore) = (position, score) }
            }
            picks.append(pending.remove(at: best))
        }
        return picks
    }
}
