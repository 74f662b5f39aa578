private import ApusKernels

/// Vectors without a model to fetch: the sum of a text's token vectors, from a table that is part
/// of the program, scaled to length 1.
///
/// Tokens that say little weigh little in the table already. The order of words makes no
/// difference. A text without any token gets the zero vector. About a hundred times as fast as the
/// encoder that it was made from; docs/performance.md says what it costs in quality.
package struct StaticEmbedder: Embedder {
    package let model: EmbeddingModel
    package let tokenizer: WordPieceTokenizer
    private let rows: WeightedCodes

    /// Throws only when the program was built with a table that it cannot read.
    package init() throws(PipelineError) {
        let table = try StaticTable.embedded.get()
        model = EmbeddingModel(
            id: "apus-static", version: table.version, dimension: table.dimension,
            isNormalized: true)
        tokenizer = table.tokenizer
        rows = table.rows
    }

    package func embed(_ texts: [String]) async throws -> [[Float]] { texts.map(vector(of:)) }

    /// The vector of one text. O(bytes · dimension).
    package func vector(of text: String) -> [Float] {
        DistanceKernel.normalized(rows.sum(ofRows: tokenizer.tokens(of: text)))
    }
}
