/// Which models made the vectors of a collection, and of what.
///
/// It is kept with the collection's settings. Vectors of different models do not compare, so a write
/// or a query that says it comes from another model than the card's is refused; of a field without a
/// model on the card nothing is checked, and neither is a caller who says nothing.
public struct CollectionCard: Hashable, Sendable, Codable {
    /// The model that made the vectors of a field.
    public struct Model: Hashable, Sendable, Codable {
        /// The model's name and, where it says one, its version.
        public var name: ModelName
        /// Numbers of a vector; of a dense field always there once the card is set.
        public var dimension: Int?
        /// How the field compares vectors; of a dense field always there once the card is set.
        public var metric: Metric?
        /// Whether the model's vectors have length 1; nil: not known.
        public var isNormalized: Bool?

        public init(
            _ name: ModelName, dimension: Int? = nil, metric: Metric? = nil,
            isNormalized: Bool? = nil
        ) {
            self.name = name
            self.dimension = dimension
            self.metric = metric
            self.isNormalized = isNormalized
        }
    }

    /// What was embedded, in anybody's words.
    public struct Corpus: Hashable, Sendable, Codable {
        public var name: String
        public var description: String
        public var license: String

        public init(name: String = "", description: String = "", license: String = "") {
            self.name = name
            self.description = description
            self.license = license
        }
    }

    /// By vector field; the unnamed one is `""`.
    public var models: [String: Model]
    public var corpus: Corpus?

    public init(models: [String: Model] = [:], corpus: Corpus? = nil) {
        self.models = models
        self.corpus = corpus
    }
}

extension CollectionCard {
    private static let nameBytesMax = 255
    private static let textBytesMax = 16 << 10

    /// The card with what the settings of the collection say of its fields.
    ///
    /// - Throws: `invalidArgument` for a field that the collection does not have, and for a dimension
    ///   or metric that is not the field's; `validation` for a name that is empty, or a text that is
    ///   too long.
    package func completed(
        by configuration: CollectionConfiguration
    ) throws(DatabaseError) -> CollectionCard {
        var card = self
        for (field, model) in models {
            try Self.check(model.name.id, "models.\(field).id", in: 1...Self.nameBytesMax)
            try Self.check(
                model.name.version ?? "", "models.\(field).version", in: 0...Self.nameBytesMax)
            let dense = configuration.vectors[field]
            guard dense != nil || configuration.sparseVectors[field] != nil else {
                throw .vectorNameNotFound(field)
            }
            if let dimension = model.dimension, dimension != dense?.dimension {
                throw .wrongInput(
                    "The card says that vectors of \(Self.label(field)) have dimension \(dimension)"
                        + ", expected " + (dense.map { "\($0.dimension)" } ?? "none: it is sparse"))
            }
            if let metric = model.metric, metric != dense?.metric {
                throw .wrongInput(
                    "The card says that vectors of \(Self.label(field)) are compared by \(metric)"
                        + ", expected " + (dense.map { "\($0.metric)" } ?? "none: it is sparse"))
            }
            card.models[field]?.dimension = dense?.dimension
            card.models[field]?.metric = dense?.metric
        }
        if let corpus {
            try Self.check(corpus.name, "corpus.name", in: 0...Self.textBytesMax)
            try Self.check(corpus.description, "corpus.description", in: 0...Self.textBytesMax)
            try Self.check(corpus.license, "corpus.license", in: 0...Self.textBytesMax)
        }
        return card
    }

    private static func check(
        _ text: String, _ place: String, in bounds: ClosedRange<Int>
    ) throws(DatabaseError) {
        guard bounds.contains(text.utf8.count) else {
            throw DatabaseError(
                .validation,
                "Validation error in card.\(place): \(text.utf8.count) bytes, must be from "
                    + "\(bounds.lowerBound) to \(bounds.upperBound)")
        }
    }

    private static func label(_ field: String) -> String {
        field.isEmpty ? "the unnamed vector field" : "the vector field `\(field)`"
    }

    /// Throws `conflict` when the vectors of a field come from another model than `declared`.
    package func check(
        _ declared: ModelName, of field: String, in collection: String
    ) throws(DatabaseError) {
        guard let expected = models[field]?.name, !declared.agrees(with: expected) else { return }
        throw DatabaseError(
            .conflict,
            "Model mismatch: \(Self.label(field)) of collection `\(collection)` has vectors of "
                + "`\(expected)`, and the request declares `\(declared)`")
    }
}
