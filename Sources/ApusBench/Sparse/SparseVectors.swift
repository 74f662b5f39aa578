package import ApusCore
private import Foundation

/// Sparse vectors to search in, and to search for.
package struct SparseVectors: Sendable {
    package var base: [SparseVector] = []
    package var queries: [SparseVector] = []

    package init(base: [SparseVector], queries: [SparseVector]) {
        self.base = base
        self.queries = queries
    }
}

extension SparseVectors {
    /// Vectors as an encoder makes them that expands texts with further terms (SPLADE), the same in
    /// every run: about 120 of 30,000 terms in each row and 25 in a query. Terms are as common as
    /// those of a language (Zipf), half of them belong to one of 200 topics, and those weigh more.
    /// `isSorted`: rows come topic by topic.
    package init(synthetic rowCount: Int, queryCount: Int, isSorted: Bool) {
        var random = Xorshift(seed: 7)
        let topicCount = 200
        let topics = (0..<topicCount).map { _ in
            (0..<400).map { _ in Self.term(&random) }
        }
        base = (0..<rowCount).map { row in
            let topic =
                isSorted
                ? row * topicCount / rowCount : Int.random(in: 0..<topicCount, using: &random)
            return Self.vector(termCount: 120, of: topics[topic], share: 0.5, &random)
        }
        queries = (0..<queryCount).map { _ in
            let topic = Int.random(in: 0..<topicCount, using: &random)
            return Self.vector(termCount: 25, of: topics[topic], share: 0.6, &random)
        }
    }

    private static func vector(
        termCount: Int, of topic: [UInt32], share: Float, _ random: inout Xorshift
    ) -> SparseVector {
        var weights: [UInt32: Float] = [:]
        for _ in 0..<termCount {
            let isOfTopic = Float.random(in: 0..<1, using: &random) < share
            let place = Float.random(in: 0..<1, using: &random)
            let term = isOfTopic ? topic[Int(400 * place * place)] : Self.term(&random)
            // The logarithm of one and a number that is as often twice as half its median.
            let deviation = random.float() + random.float() + random.float()
            let activation = (isOfTopic ? 1.2 : 0.35) * exp(0.7 * deviation)
            // What is in most texts says little, and encoders learn so.
            weights[term] = log(1 + activation) * min(1, 0.3 + Float(term) / 2000)
        }
        let indices = weights.keys.sorted()
        return SparseVector(indices: indices, values: indices.map { weights[$0] ?? 0 })
    }

    /// A term of 30,000; the first is the most common.
    private static func term(_ random: inout Xorshift) -> UInt32 {
        let place = Float.random(in: 0..<1, using: &random)
        return min(29_999, UInt32(40 * (pow(751, place) - 1)))
    }
}
