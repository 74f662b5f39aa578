package import ApusCore

/// What the engine keeps in the manifest of a collection, as JSON.
package struct CollectionAttributes: Codable, Sendable {
    package var configuration: CollectionConfiguration
    /// Payload indexes by field path.
    package var payloadSchema: [String: PayloadFieldSchema] = [:]
    /// Of vector fields that were dropped: rows may still have vectors under these names, so no field
    /// gets one of them again. nil in manifests of before there were any.
    package var formerVectorNames: Set<String>?
    /// nil: the collection has none, as manifests of before there were any.
    package var card: CollectionCard?

    package init(configuration: CollectionConfiguration, card: CollectionCard? = nil) {
        self.configuration = configuration
        self.card = card
    }
}

/// The attributes in the form that every request uses: made once when they change, then shared.
package final class CollectionSchema: Sendable {
    package let attributes: CollectionAttributes
    /// Payload fields with an index.
    package let indexedFields: [PayloadPath: PayloadFieldSchema]
    /// Those with a text index: its parameters say how filters split their texts.
    package let textFields: [PayloadPath: PayloadFieldSchema]

    package init(_ attributes: CollectionAttributes) {
        self.attributes = attributes
        var fields: [PayloadPath: PayloadFieldSchema] = [:]
        for (field, schema) in attributes.payloadSchema {
            if let path = PayloadPath(field) { fields[path] = schema }
        }
        indexedFields = fields
        textFields = fields.filter { $0.value.type == .text }
    }

    package var configuration: CollectionConfiguration { attributes.configuration }
}

/// Vectors of dropped fields are in the rows until these are merged or written again; nobody sees them.
extension CollectionSchema {
    private var formerVectorNames: Set<String> { attributes.formerVectorNames ?? [] }

    /// What a reader gets who asks for these vectors.
    func visible(_ selector: VectorSelector) -> VectorSelector {
        guard !formerVectorNames.isEmpty else { return selector }
        switch selector {
        case .none: return .none
        case .all:
            return .named(
                Array(configuration.vectors.keys) + Array(configuration.sparseVectors.keys))
        case .named(let names): return .named(names.filter { !formerVectorNames.contains($0) })
        }
    }

    /// The vectors that a row is seen to have.
    func visible<Value>(_ vectors: [String: Value]) -> [String: Value] {
        guard !formerVectorNames.isEmpty else { return vectors }
        return vectors.filter { !formerVectorNames.contains($0.key) }
    }

    /// The filter in which no row has a vector of a dropped field.
    func visible(_ filter: Filter) -> Filter {
        formerVectorNames.isEmpty ? filter : filter.knowing(absentVectors: formerVectorNames)
    }

    /// What a segment remembers the rows of a filter under.
    func key(of filter: Filter) -> FilterCache.Key {
        FilterCache.Key(filter: visible(filter), textFields: textFields)
    }
}

extension Filter {
    fileprivate func knowing(absentVectors names: Set<String>) -> Filter {
        func knowing(_ conditions: [Condition]) -> [Condition] {
            conditions.map { condition in
                switch condition {
                case .hasVector(let name): names.contains(name) ? .hasID([]) : condition
                case .filter(let filter): .filter(filter.knowing(absentVectors: names))
                case .field, .isEmpty, .isNull, .hasID, .nested, .slice: condition
                }
            }
        }
        return Filter(
            must: knowing(must), should: knowing(should), mustNot: knowing(mustNot),
            minShould: minShould.map {
                MinShould(conditions: knowing($0.conditions), count: $0.count)
            })
    }
}
