public import ApusCore
private import Foundation

/// What segments are built by: a collection's settings, as far as they shape its files.
///
/// The text is JSON and is meant to be printed from a collection and handed to builders elsewhere.
public struct SegmentSettings: Sendable {
    package let attributes: CollectionAttributes

    package init(_ attributes: CollectionAttributes) {
        var attributes = attributes
        // How a collection is used shapes no file, and a name that nothing has any more no field.
        attributes.configuration.strictMode = nil
        attributes.configuration.metadata = nil
        attributes.configuration.wal = WALConfiguration()
        attributes.formerVectorNames = nil
        self.attributes = attributes
    }

    /// Those of a collection that is to be made.
    public init(
        _ configuration: CollectionConfiguration,
        payloadIndexes: [PayloadPath: PayloadFieldSchema] = [:]
    ) {
        var attributes = CollectionAttributes(configuration: configuration)
        for (field, schema) in payloadIndexes {
            attributes.payloadSchema[field.description] = schema
        }
        self.init(attributes)
    }

    public var configuration: CollectionConfiguration { attributes.configuration }

    /// The same for vectors that the models have made.
    ///
    /// - Parameter models: by vector field; the unnamed one is `""`.
    /// - Throws: `.conflict` when the card has another model for a field; what setting a card throws.
    public func declaring(
        _ models: [String: CollectionCard.Model]
    ) throws(DatabaseError) -> SegmentSettings {
        guard !models.isEmpty else { return self }
        var card = attributes.card ?? CollectionCard()
        for (field, model) in models {
            try card.check(model.name, of: field, in: "these settings")
            if card.models[field] == nil { card.models[field] = model }
        }
        var attributes = attributes
        attributes.card = try card.completed(by: configuration)
        return SegmentSettings(attributes)
    }

    /// JSON, the same bytes for the same settings.
    public func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(attributes)) + [0x0a]
    }

    /// - Parameter source: where the text comes from, for errors.
    /// - Throws: `.validation` or `.invalidArgument`, naming the setting.
    public init(decoding text: [UInt8], from source: String) throws {
        let attributes: CollectionAttributes
        do {
            attributes = try JSONDecoder().decode(CollectionAttributes.self, from: Data(text))
        } catch {
            throw DatabaseError.wrongInput("\(source): not the settings of a collection: \(error)")
        }
        try Self.check(attributes, from: source)
        self.init(attributes)
    }

    private static func check(_ attributes: CollectionAttributes, from source: String) throws {
        do {
            try attributes.configuration.validate()
        } catch let error as DatabaseError {
            throw DatabaseError(error.kind, "\(source): \(error.message)")
        }
        for field in attributes.payloadSchema.keys where PayloadPath(field) == nil {
            throw DatabaseError.wrongInput("\(source): `\(field)` is no payload field")
        }
    }

    /// Why files that were built by these settings cannot be served by a collection, which setting
    /// differs and how; nil: they can.
    ///
    /// What a collection may change while its files stay (links of a graph, residency, the
    /// parameters of lists, payload indexes, which are made where they lack) may differ.
    func difference(from collection: CollectionConfiguration) -> String? {
        let own = configuration
        for name in Set(own.vectors.keys).union(collection.vectors.keys).sorted() {
            let label = name.isEmpty ? "the unnamed vector" : "vector `\(name)`"
            guard let built = own.vectors[name] else {
                return "\(label) is not in the segments"
            }
            guard let wanted = collection.vectors[name] else {
                return "\(label) of the segments is not in the collection"
            }
            let pairs: [(String, String, String)] = [
                ("dimension", "\(built.dimension)", "\(wanted.dimension)"),
                ("metric", built.metric.rawValue, wanted.metric.rawValue),
                ("datatype", built.element.rawValue, wanted.element.rawValue),
                ("multivector", "\(built.isMultiVector)", "\(wanted.isMultiVector)"),
                ("index", own.indexKind(of: name), collection.indexKind(of: name)),
                ("quantization", own.codesKind(of: name), collection.codesKind(of: name)),
            ]
            for (setting, built, wanted) in pairs where built != wanted {
                return "\(setting) of \(label) is \(built) in the segments and \(wanted) in the "
                    + "collection"
            }
        }
        let (built, wanted) = (Set(own.sparseVectors.keys), Set(collection.sparseVectors.keys))
        if let name = built.symmetricDifference(wanted).min() {
            return built.contains(name)
                ? "sparse vector `\(name)` of the segments is not in the collection"
                : "sparse vector `\(name)` is not in the segments"
        }
        return nil
    }
}

extension CollectionConfiguration {
    /// What files have to find a field's neighbours with.
    fileprivate func indexKind(of field: String) -> String {
        guard let declared = vectors[field], !declared.isMultiVector else { return "none" }
        if declared.ivf != nil { return "ivf-pq" }
        return hnsw.applying(declared.hnsw).m > 0 ? "hnsw" : "none"
    }

    /// Which codes files have of a field.
    fileprivate func codesKind(of field: String) -> String {
        rabitqBits(of: field).map { "\($0.rawValue) bits" } ?? "8 bits"
    }
}

extension Collection {
    /// What builders of segments for this collection need (`SegmentBuilder`).
    public var segmentSettings: SegmentSettings {
        SegmentSettings(published.withLock { $0.schema.attributes })
    }
}
