/// How points are ranked by examples of what is wanted and what is not.
///
/// Similarities are the metric's, higher for closer: the dot product (under cosine of normalised
/// vectors), minus the squared Euclidean distance, minus the Manhattan distance.
package enum Recommendation {
    /// The vector to search neighbours of with the strategy `averageVector`: the mean of the
    /// wanted examples, or twice it minus the mean of the unwanted ones. nil without a wanted
    /// example. All vectors have one dimension.
    package static func averageVector(
        positive: [[Float]], negative: [[Float]]
    ) -> [Float]? {
        guard let wanted = mean(positive) else { return nil }
        guard let unwanted = mean(negative) else { return wanted }
        return zip(wanted, unwanted).map { $0 + $0 - $1 }
    }

    /// A point's score with the strategy `bestScore`, from its similarities to the examples: the
    /// greatest one decides, mapped to 0…1 when the example is wanted, to -1…0 when it is not. A
    /// point as close to either kind counts as unwanted.
    package static func bestScore(positive: [Float], negative: [Float]) -> Float {
        let wanted = positive.max() ?? -.infinity
        let unwanted = negative.max() ?? -.infinity
        return wanted > unwanted ? squashed(wanted) : -squashed(unwanted)
    }

    /// A point's score with the strategy `sumScores`, from its similarities to the examples.
    package static func sumScores(positive: [Float], negative: [Float]) -> Float {
        positive.reduce(0, +) - negative.reduce(0, +)
    }

    /// A cheap sigmoid onto 0…1.
    private static func squashed(_ similarity: Float) -> Float {
        0.5 * (similarity / (1 + abs(similarity)) + 1)
    }

    private static func mean(_ vectors: [[Float]]) -> [Float]? {
        guard var sum = vectors.first else { return nil }
        for vector in vectors.dropFirst() {
            for (position, component) in zip(sum.indices, vector) { sum[position] += component }
        }
        return sum.map { $0 / Float(vectors.count) }
    }
}
