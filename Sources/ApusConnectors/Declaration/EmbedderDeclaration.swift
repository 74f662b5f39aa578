package import ApusCore
package import ApusPipeline

/// What turns a pipeline's texts into vectors.
package struct EmbedderDeclaration: Sendable {
    package enum Kind: Sendable {
        /// The vectors in the program.
        case `static`
        /// A model's folder.
        case model(folder: String)
        case openAI(OpenAIEmbedder.Settings)
        case openInference(OpenInferenceEmbedder.Settings)
        /// Records have vectors of their own, in a field.
        case vector(PayloadPath, dimension: Int, model: ModelName?)
    }

    package let kind: Kind

    init(_ declaration: Declaration, folder: String) throws(DeclarationProblem) {
        let (kind, settings) = try declaration.kind([
            "static", "model", "openai", "openInference", "vector",
        ])
        switch kind {
        case "static":
            _ = try settings.members([])
            self.kind = .static
        case "model": self.kind = .model(folder: try settings.text().relative(to: folder))
        case "openai": self.kind = .openAI(try OpenAIEmbedder.Settings(settings))
        case "openInference":
            self.kind = .openInference(try OpenInferenceEmbedder.Settings(settings))
        default:
            let values = try settings.members(["field", "dimension", "model"])
            self.kind = .vector(
                try values.required("field", of: settings).path(),
                dimension: try values.required("dimension", of: settings).integer(1...65_536),
                model: try values["model"].map { value throws(DeclarationProblem) in
                    ModelName(text: try value.text())
                })
        }
    }

    /// Numbers of a vector.
    package func dimension(of embedder: (any Embedder)?) -> Int {
        if case .vector(_, let dimension, _) = kind { return dimension }
        return embedder?.model.dimension ?? 0
    }

    /// What the collection's card says of the field; nil: nobody knows where the records' vectors
    /// come from.
    package func card(of embedder: (any Embedder)?) -> CollectionCard.Model? {
        if case .vector(_, let dimension, let model) = kind {
            return model.map { CollectionCard.Model($0, dimension: dimension) }
        }
        return embedder?.model.card
    }

    /// The same without the keys of embedding servers, for those who embed nothing.
    package func card() throws -> CollectionCard.Model? {
        switch kind {
        case .static, .model, .vector: card(of: try embedder())
        case .openAI(let settings): settings.server.embeddingModel.card
        case .openInference(let settings): settings.server.embeddingModel.card
        }
    }

    /// nil: records have vectors of their own.
    package func embedder() throws -> (any Embedder)? {
        switch kind {
        case .static: try StaticEmbedder()
        case .model(let folder): try SentenceEncoder(folder: folder)
        case .openAI(let settings): try OpenAIEmbedder(settings)
        case .openInference(let settings) where InferenceClient.serves(settings.server.url):
            try OpenInferenceRPCEmbedder(settings)
        case .openInference(let settings): try OpenInferenceEmbedder(settings)
        case .vector: nil
        }
    }

    /// The tokens that chunks are measured in: those of a model in this process, or of the program's
    /// table where another process embeds.
    package func tokenizer(of embedder: (any Embedder)?) throws -> WordPieceTokenizer {
        if let encoder = embedder as? SentenceEncoder { return encoder.tokenizer }
        if let table = embedder as? StaticEmbedder { return table.tokenizer }
        return try StaticEmbedder().tokenizer
    }
}
