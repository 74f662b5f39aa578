package import ApusCore
package import ApusPipeline

/// Texts as sparse vectors of their tokens, so that dot products are BM25 scores (Robertson,
/// Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009): the weight of a token
/// in a passage is its saturated frequency, in a question how often it stands there. The inverse
/// document frequency comes from the index (`SparseVectorConfiguration.Modifier.idf`).
///
/// Words that the vocabulary lacks count by their parts.
package struct LexicalVector: Sendable {
    private static let saturation: Float = 1.2
    private static let lengthShare: Float = 0.75

    private let tokenizer: WordPieceTokenizer
    /// Tokens of an ordinary passage.
    private let usualLength: Float

    package init(tokenizer: WordPieceTokenizer, usualLength: Int) {
        self.tokenizer = tokenizer
        self.usualLength = Float(max(1, usualLength))
    }

    package func passage(_ text: String) -> SparseVector {
        let tokens = tokenizer.tokens(of: text)
        let length = Float(tokens.count) / usualLength
        let norm = Self.saturation * (1 - Self.lengthShare + Self.lengthShare * length)
        return vector(tokens) { $0 * (Self.saturation + 1) / ($0 + norm) }
    }

    package func question(_ text: String) -> SparseVector {
        vector(tokenizer.tokens(of: text)) { $0 }
    }

    private func vector(_ tokens: [UInt32], weight: (Float) -> Float) -> SparseVector {
        var counts: [UInt32: Float] = [:]
        for token in tokens { counts[token, default: 0] += 1 }
        let indices = counts.keys.sorted()
        return SparseVector(
            indices: indices, values: indices.map { weight(counts[$0] ?? 0) })
    }
}
