package import ApusCore

/// Texts as sparse vectors of their words, so that dot products are BM25 scores (Robertson, Zaragoza,
/// "The Probabilistic Relevance Framework: BM25 and Beyond", 2009): the weight of a word in a document
/// is its saturated frequency, in a query 1. The inverse document frequency comes from the index
/// (`SparseVectorConfiguration.Modifier.idf`).
///
/// A word's index is the hash of its stem, so that there is no vocabulary to keep and vectors made
/// elsewhere by the same rules agree (docs/adr/0019).
package struct BM25: Sendable {
    package let options: BM25Options

    package init(_ options: BM25Options = BM25Options()) { self.options = options }

    /// The vector of a text that is stored. A text without words has an empty one.
    package func document(_ text: String) -> SparseVector {
        let tokens = options.analysis.documentTokens(of: text)
        let length = Double(tokens.count) / options.averageLength
        let norm = options.saturation * (1 - options.lengthShare + options.lengthShare * length)
        var counts: [String: Double] = [:]
        for token in tokens { counts[token, default: 0] += 1 }
        return vector(
            counts.map { token, count in
                (token, Float(count * (options.saturation + 1) / (count + norm)))
            })
    }

    /// The vector of a text that is searched for.
    package func query(_ text: String) -> SparseVector {
        vector(options.analysis.queryTokens(of: text).map { ($0, 1) })
    }

    /// Words whose hashes are equal are one; the weight of one of them counts.
    private func vector(_ weights: [(token: String, weight: Float)]) -> SparseVector {
        var byIndex: [UInt32: Float] = [:]
        for (token, weight) in weights {
            let index = Self.index(of: token)
            byIndex[index] = max(byIndex[index] ?? weight, weight)
        }
        let indices = byIndex.keys.sorted()
        return SparseVector(indices: indices, values: indices.map { byIndex[$0] ?? 0 })
    }

    /// The magnitude of the hash as a signed number.
    private static func index(of token: String) -> UInt32 {
        Int32(bitPattern: MurmurHash3.hash(token.utf8)).magnitude
    }
}
