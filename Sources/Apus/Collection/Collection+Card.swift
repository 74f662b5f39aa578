public import ApusCore
internal import ApusStorage
internal import Synchronization

/// Which models made the vectors (docs/adr/0035).
extension Collection {
    /// nil: there is none, and nothing is checked.
    public var card: CollectionCard? { published.withLock { $0.schema.attributes.card } }

    /// Puts a card in the place of the one that there was, or takes it away; it is on disk when this
    /// returns.
    ///
    /// - Returns: the card with dimension and metric of its fields.
    /// - Throws: `invalidArgument` for a field that the collection does not have, or a dimension or
    ///   metric that is not the field's; `validation` for an empty or too long text.
    @discardableResult
    public func setCard(_ card: CollectionCard?) throws -> CollectionCard? {
        var stored: CollectionCard?
        try changeAttributes { attributes in
            stored = try card?.completed(by: attributes.configuration)
            attributes.card = stored
        }
        return stored
    }

    /// Writes the models on the card of whose fields no point has a vector yet, or what it does not say
    /// of these: for an ingest that begins. What the card says of other fields, and of the corpus, stays.
    ///
    /// - Returns: the card as it is then; nil: there is none, as vectors of unknown origin are there.
    /// - Throws: `conflict` when the card has another model for one of the fields; what `setCard`
    ///   throws.
    @discardableResult
    public func adoptModels(_ models: [String: CollectionCard.Model]) throws -> CollectionCard? {
        try DatabaseError.translating {
            try withoutDamagedSegments {
                try manifest.withLock { manifest in
                    try checkHasFiles()
                    // Nobody writes while the fields are looked at.
                    return try writer.withLock { state in
                        guard !state.isClosed else {
                            throw DatabaseError(.unavailable, "collection `\(name)` is closed")
                        }
                        guard let attributes = try attributes(adopting: models, state) else {
                            return card
                        }
                        var next = manifest
                        next.attributes[Self.attributesKey] = try Self.encoded(attributes)
                        try commit(next, replacing: &manifest)
                        published.withLock { $0.schema = CollectionSchema(attributes) }
                        return attributes.card
                    }
                }
            }
        }
    }

    /// The attributes with what an ingest's models add to the card; nil: nothing. The caller holds
    /// the writer's lock, and commits them.
    func attributes(
        adopting models: [String: CollectionCard.Model], _ state: WriterState
    ) throws -> CollectionAttributes? {
        let schema = published.withLock { $0.schema }
        let view = ReadView(lsn: state.lsn, segments: state.segments, schema: schema)
        var attributes = schema.attributes
        var card = attributes.card ?? CollectionCard()
        for (field, model) in models {
            try card.check(model.name, of: field, in: name)
            let known = card.models[field]
            let completed = known?.completed(by: model) ?? model
            if completed != known, try view.count(Filter(must: [.hasVector(field)])) == 0 {
                card.models[field] = completed
            }
        }
        if attributes.card == nil, card.models.isEmpty { return nil }
        card = try card.completed(by: attributes.configuration)
        guard card != attributes.card else { return nil }
        attributes.card = card
        return attributes
    }

    /// What is known of the recall of searches. O(segments · fields); reads fields of files that
    /// nobody has searched yet.
    public func measuredRecall() throws -> MeasuredRecall {
        let expected = try DatabaseError.translating {
            try reading { view in
                var expected: [String: Double] = [:]
                for field in view.configuration.vectors.keys {
                    expected[field] = try view.expectedRecall(
                        of: field, limit: MeasuredRecall.limit)
                }
                return expected
            }
        }
        return MeasuredRecall(expected: expected, observed: observedRecall)
    }
}

/// Declarations.
extension Collection {
    /// Throws `conflict` when vectors come from another model than the card says of their fields.
    /// - Parameter models: by vector field; the unnamed one is `""`.
    public func checkModels(_ models: [String: ModelName]) throws(DatabaseError) {
        guard let card else { return }
        for (field, model) in models.sorted(by: { $0.key < $1.key }) {
            try card.check(model, of: field, in: name)
        }
    }

    /// The same for a call that has vectors for `fields`.
    package func check(
        _ declaration: ModelDeclaration, for fields: Set<String>
    ) throws(DatabaseError) {
        guard let card, !card.models.isEmpty else { return }
        try checkModels(declaration.fields)
        guard let any = declaration.any else { return }
        let dense = fields.intersection(configuration.vectors.keys)
        let meant = dense.isEmpty ? fields : dense
        for field in meant.sorted() where declaration.fields[field] == nil {
            try card.check(any, of: field, in: name)
        }
    }
}

extension CollectionCard.Model {
    /// This model, with what it does not say as `other`, which may be the same one, says it.
    fileprivate func completed(by other: Self) -> Self {
        Self(
            ModelName(name.id, version: name.version ?? other.name.version),
            dimension: dimension ?? other.dimension, metric: metric ?? other.metric,
            isNormalized: isNormalized ?? other.isNormalized)
    }
}

extension Database {
    /// The card in the files of a collection of a database that may be open elsewhere. nil: there is
    /// no such collection, or it has no card.
    package static func storedCard(
        ofCollection name: String, in directory: String
    ) throws -> CollectionCard? {
        let path = "\(directory)/\(CollectionFiles.directoryName(of: name))"
        return try DatabaseError.translating {
            guard try PosixFileSystem().kind(of: path) == .directory else { return nil }
            guard let manifest = try ManifestStore(directory: path).read() else { return nil }
            return try Collection.attributes(of: manifest, directory: path).card
        }
    }
}
