import Apus
import ApusCore
import ApusText
import ApusWire

/// The models that a call says its vectors come from, and those that made vectors of its texts here:
/// held to the card of the collection (docs/adr/0035).
enum CallModels {
    /// What the message says; nil: the header holds, if there is one.
    @TaskLocal static var said: ModelDeclaration?

    /// Runs a call whose message may say it, in the form of the header.
    /// - Parameter place: where, for errors.
    static func saying<Value>(
        _ text: String, in place: String, _ body: () async throws -> Value
    ) async throws -> Value {
        guard !text.isEmpty else { return try await body() }
        let declaration = try ModelDeclaration(text: text, in: place)
        return try await $said.withValue(declaration, operation: body)
    }

    /// Throws `conflict` when the vectors of the queries come from other models than the card says.
    static func check(_ requests: [QueryRequest], in collection: Collection) throws {
        try check(in: collection) { note in
            for request in requests { request.forEachVector(note) }
        }
    }

    /// The same for the vectors that operations write.
    static func check(_ operations: [WriteOperation], in collection: Collection) throws {
        try check(in: collection) { note in
            for operation in operations { operation.forEachVector(note) }
        }
    }

    /// The same for what is known before the first vector comes.
    static func checkStart(in collection: Collection) throws {
        guard let declaration = try declaration() else { return }
        let fields = Set(collection.configuration.vectors.keys)
        try collection.check(declaration, for: fields.count == 1 ? fields : [])
    }

    /// The card that a collection is created with: that of the request, which a declaration must agree
    /// with, or one that says what the call declares. A model without a field is that of the only dense
    /// field, or of the only sparse one where there is no dense one; of several it says nothing.
    static func card(
        of new: NewCollection, named collection: String
    ) throws(DatabaseError) -> CollectionCard? {
        guard let declaration = try declaration() else { return new.card }
        var models = declaration.fields
        let dense = new.configuration.vectors.keys
        let fields = Set(dense.isEmpty ? Array(new.configuration.sparseVectors.keys) : Array(dense))
        if let any = declaration.any, fields.count == 1, let only = fields.first,
            models[only] == nil
        {
            models[only] = any
        }
        guard let card = new.card else {
            return models.isEmpty
                ? nil : CollectionCard(models: models.mapValues { CollectionCard.Model($0) })
        }
        for (field, model) in models.sorted(by: { $0.key < $1.key }) {
            try card.check(model, of: field, in: collection)
        }
        return card
    }

    private static func check(
        in collection: Collection,
        _ forEachVector: ((_ field: String, Vector) -> Void) -> Void
    ) throws {
        let declaration = try declaration()
        let inferred = InferredVectors.current?.take() ?? [:]
        guard declaration != nil || !inferred.isEmpty, collection.card != nil else { return }
        var fields: Set<String> = []
        var models: [String: Set<ModelName>] = [:]
        forEachVector { field, vector in
            guard let model = inferred[vector] else {
                fields.insert(field)
                return
            }
            models[field, default: []].insert(model)
        }
        for (field, names) in models {
            for name in names { try collection.checkModels([field: name]) }
        }
        if let declaration { try collection.check(declaration, for: fields) }
    }

    private static func declaration() throws(DatabaseError) -> ModelDeclaration? {
        if let said { return said }
        guard let text = CallContext.current?.head.header(ModelHeader.name) else { return nil }
        return try ModelHeader.declaration(from: text)
    }
}

extension QueryRequest {
    /// Every vector of the query and its prefetches, with the field that it is compared in.
    fileprivate func forEachVector(_ body: (_ field: String, Vector) -> Void) {
        query?.forEachVector(in: using, body)
        for prefetch in prefetch { prefetch.forEachVector(body) }
    }
}

extension Prefetch {
    fileprivate func forEachVector(_ body: (_ field: String, Vector) -> Void) {
        query?.forEachVector(in: using, body)
        for prefetch in prefetch { prefetch.forEachVector(body) }
    }
}

extension Query {
    fileprivate func forEachVector(
        in field: String?, _ body: (_ field: String, Vector) -> Void
    ) {
        for case .vector(let vector) in inputs { body(field ?? defaultVectorName, vector) }
    }
}

extension WriteOperation {
    /// Every vector that it writes, with its field.
    fileprivate func forEachVector(_ body: (_ field: String, Vector) -> Void) {
        switch self {
        case .upsert(let points), .conditionalUpsert(let points, _):
            for point in points { point.vectors.forEach(body) }
        case .updateVectors(let points), .conditionalUpdateVectors(let points, _):
            for point in points { point.vectors.forEach(body) }
        case .delete, .deleteVectors, .setPayload, .overwritePayload, .deletePayload,
            .clearPayload:
            return
        }
    }
}
