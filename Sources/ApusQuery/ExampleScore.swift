/// A point's score from its similarities to the examples of a query.
///
/// Similarities are the metric's, higher for closer: the dot product (under cosine of normalised
/// vectors), minus the squared Euclidean distance, minus the Manhattan distance; of multi vectors the
/// sum over the example's vectors of the best similarity (MaxSim). They come in the order that each
/// case tells. Higher scores are better under every metric.
package enum ExampleScore: Sendable {
    /// `positive` wanted examples, then unwanted ones: the greatest similarity decides, mapped to
    /// 0…1 when the example is wanted, to −1…0 when it is not. A point as close to either kind
    /// counts as unwanted.
    case bestScore(positive: Int)
    /// `positive` wanted examples, then unwanted ones: sum of the former minus sum of the latter.
    case sumScores(positive: Int)
    /// The target, then a wanted and an unwanted example for each pair: one for each pair whose
    /// wanted example is closer, minus one for each whose unwanted one is, plus the similarity to the
    /// target mapped to 0…1.
    case discovery
    /// A wanted and an unwanted example for each pair: 0 where every wanted example is closer, else
    /// the sum of what is missing, each mapped to −1…0.
    case context
    /// The target, then a better and a worse example for each pair of feedback; `weights` are those
    /// of the target and of the pairs.
    case feedback(target: Float, pairs: [Float])

    package func score(_ similarities: [Float]) -> Float {
        switch self {
        case .bestScore(let positive):
            let wanted = similarities.prefix(positive).max() ?? -.infinity
            let unwanted = similarities.dropFirst(positive).max() ?? -.infinity
            return wanted > unwanted ? Self.unitInterval(wanted) : -Self.unitInterval(unwanted)
        case .sumScores(let positive):
            return similarities.prefix(positive).reduce(0, +)
                - similarities.dropFirst(positive).reduce(0, +)
        case .discovery:
            guard let target = similarities.first else { return 0 }
            var rank: Float = 0
            Self.forEachPair(similarities.dropFirst()) { wanted, unwanted, _ in
                rank += wanted > unwanted ? 1 : wanted == unwanted ? 0 : -1
            }
            return rank + Self.unitInterval(target)
        case .context:
            var loss: Float = 0
            Self.forEachPair(similarities[...]) { wanted, unwanted, _ in
                loss += Self.squashed(min(wanted - unwanted - .ulpOfOne, 0))
            }
            return loss
        case .feedback(let target, let pairs):
            guard let similarity = similarities.first else { return 0 }
            var score = target * similarity
            Self.forEachPair(similarities.dropFirst()) { better, worse, pair in
                score += pairs[pair] * (better - worse)
            }
            return score
        }
    }

    private static func forEachPair(
        _ similarities: ArraySlice<Float>, _ body: (Float, Float, _ pair: Int) -> Void
    ) {
        var index = similarities.startIndex
        while index + 1 < similarities.endIndex {
            body(
                similarities[index], similarities[index + 1],
                (index - similarities.startIndex) / 2)
            index += 2
        }
    }

    /// A cheap sigmoid onto −1…1.
    private static func squashed(_ value: Float) -> Float {
        value.isFinite ? value / (1 + abs(value)) : value
    }

    private static func unitInterval(_ value: Float) -> Float { 0.5 * (squashed(value) + 1) }
}
