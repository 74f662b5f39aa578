package import ApusCore

/// A point of a ranking.
package struct RankedPoint: Hashable, Sendable {
    package var id: PointID
    package var score: Float

    package init(id: PointID, score: Float) {
        self.id = id
        self.score = score
    }
}

extension Fusion {
    /// Merges rankings, each best first, into one, best first; equal scores stand in id order.
    ///
    /// A point's score is the sum of what each ranking gives it. Reciprocal rank fusion looks at
    /// positions only; weights belong to the rankings in their order, a missing one is 1, and a
    /// ranking with weight 0 or less adds nothing (its points take part). Distribution-based
    /// fusion looks at scores only, and takes higher ones for better, as the wire API does.
    /// O(n log n) for n points in all.
    package func merge(_ rankings: [[RankedPoint]]) -> [RankedPoint] {
        switch self {
        case .reciprocalRank(let k, let weights):
            return Self.sum(
                rankings.enumerated().map { index, ranking in
                    let weight = index < weights.count ? weights[index] : 1
                    return ranking.enumerated().map { position, point in
                        let score = Self.reciprocalRank(position, k: k, weight: weight)
                        return RankedPoint(id: point.id, score: score)
                    }
                })
        case .distributionBased:
            return Self.sum(rankings.map(Self.normalized))
        }
    }

    /// What the point at `position` (from 0) of a ranking is worth.
    private static func reciprocalRank(_ position: Int, k: Int, weight: Float) -> Float {
        guard weight > 0 else { return 0 }
        return 1 / (Float(position + 1) / weight + Float(k) - 1)
    }

    /// The ranking with its scores mapped so that mean − 3σ becomes 0 and mean + 3σ becomes 1, σ
    /// being the standard deviation of a sample. A ranking whose scores are all equal, such as one
    /// of a single point, gets 0.5.
    private static func normalized(_ ranking: [RankedPoint]) -> [RankedPoint] {
        let (mean, deviation) = meanAndDeviation(ranking)
        let low = mean - 3 * deviation
        let high = mean + 3 * deviation
        return ranking.map { point in
            let score = low == high ? 0.5 : (point.score - low) / (high - low)
            return RankedPoint(id: point.id, score: score)
        }
    }

    /// In one pass (Welford, 1962).
    private static func meanAndDeviation(_ ranking: [RankedPoint]) -> (Float, Float) {
        var mean: Float = 0
        var squares: Float = 0
        for (index, point) in ranking.enumerated() {
            let before = point.score - mean
            mean += before / Float(index + 1)
            squares += before * (point.score - mean)
        }
        guard ranking.count > 1 else { return (mean, 0) }
        return (mean, (squares / Float(ranking.count - 1)).squareRoot())
    }

    private static func sum(_ rankings: [[RankedPoint]]) -> [RankedPoint] {
        var scores: [PointID: Float] = [:]
        for ranking in rankings {
            for point in ranking { scores[point.id, default: 0] += point.score }
        }
        return scores.map { RankedPoint(id: $0.key, score: $0.value) }
            .sorted { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }
    }
}
