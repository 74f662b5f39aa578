package import ApusCore

/// What the engine keeps in the manifest of a collection, as JSON.
package struct CollectionAttributes: Codable, Sendable {
    package var configuration: CollectionConfiguration
    /// Payload indexes by field path.
    package var payloadSchema: [String: PayloadFieldSchema] = [:]

    package init(configuration: CollectionConfiguration) { self.configuration = configuration }
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
