package import ApusCore

/// Turns texts into vectors: a model in this process, or a server that has one.
package protocol Embedder: Sendable {
    /// What the vectors come from. Vectors of different models do not compare.
    var model: EmbeddingModel { get }

    /// One vector of `model.dimension` finite numbers for each text, in the order of the texts.
    ///
    /// Texts longer than `model.tokensMax` count up to there. Calls may overlap. An error means that
    /// none of the vectors is there.
    func embed(_ texts: [String]) async throws -> [[Float]]
}

/// What a vector comes from, for whoever stores it.
package struct EmbeddingModel: Hashable, Sendable, Codable {
    /// The model's name.
    package var id: String
    /// Changes whenever the same text would get another vector.
    package var version: String
    /// Numbers of a vector.
    package var dimension: Int
    /// Whether vectors have length 1 (or are zero, where a text has nothing that the model knows).
    package var isNormalized: Bool
    /// Tokens of a text that count; nil: all of them.
    package var tokensMax: Int?

    package init(
        id: String, version: String, dimension: Int, isNormalized: Bool, tokensMax: Int? = nil
    ) {
        self.id = id
        self.version = version
        self.dimension = dimension
        self.isNormalized = isNormalized
        self.tokensMax = tokensMax
    }
}

extension EmbeddingModel {
    /// What a collection's card says of a field with its vectors. Whoever does not promise a length
    /// of 1 does not deny it either.
    package var card: CollectionCard.Model {
        CollectionCard.Model(
            ModelName(id, version: version), dimension: dimension,
            isNormalized: isNormalized ? true : nil)
    }
}
