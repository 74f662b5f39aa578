package import Apus
package import ApusCore
package import ApusWire

/// What both protocols call: every operation of the interface on values of `ApusCore`.
///
/// It knows neither protocol. Every operation asks first whether its caller may do it and whether
/// there is room for it (`Operations+Access`). Searches and blocking work run on the engine's own
/// threads; the caller suspends. All errors are `DatabaseError`.
package struct Operations: Sendable {
    package let database: Database
    let authorizer: Authorizer
    let admission: Admission
    let watch: QueryWatch
    let fetcher: SnapshotFetcher
    /// Ends calls that would go on for ever when the server stops.
    let drain: Drain

    package init(
        database: Database, authorizer: Authorizer = .open, admission: Admission = Admission(),
        watch: QueryWatch = QueryWatch(), fetcher: SnapshotFetcher = SnapshotFetcher(),
        drain: Drain = Drain()
    ) {
        self.database = database
        self.authorizer = authorizer
        self.admission = admission
        self.watch = watch
        self.fetcher = fetcher
        self.drain = drain
    }
}

/// Collections and their aliases.
extension Operations {
    /// Creates a collection, with its card if the request or the call says one, and throws
    /// `alreadyExists` if there is one of that name.
    package func createCollection(_ name: String, _ new: NewCollection) async throws {
        try await authorize(.manage, name)
        let card = try CallModels.card(of: new, named: name)
        _ = try await database.perform { [database] in
            try database.createCollection(name, new.configuration, card: card)
        }
    }

    package func updateCollection(
        _ name: String, _ change: CollectionConfigurationChange
    ) async throws {
        try await authorize(.manage, name)
        try await database.perform { [database] in
            try database.collection(name).update(change)
        }
    }

    package func createVectorField(
        _ field: VectorField, named name: String, in collection: String
    ) async throws -> WriteResult {
        try await authorize(.manage, collection)
        return try await database.perform { [database] in
            try database.collection(collection).createVectorField(name, field)
        }
    }

    package func dropVectorField(
        _ name: String, in collection: String
    ) async throws -> WriteResult {
        try await authorize(.manage, collection)
        return try await database.perform { [database] in
            try database.collection(collection).dropVectorField(name)
        }
    }

    /// Whether there was a collection of that name.
    package func deleteCollection(_ name: String) async throws -> Bool {
        try await authorize(.manage, name)
        return try await database.perform { [database] in try database.dropCollection(name) }
    }

    package func collectionInfo(_ name: String) async throws -> CollectionInfo {
        // Whoever may read some of the points needs to know how they look.
        try await authorize(.read, name)
        return try await database.perform { [database] in try database.collection(name).info() }
    }

    /// Segments with rows that no graph has yet, and how many these are.
    package func indexing(
        of name: String
    ) async throws -> (waiting: (segments: Int, rows: Int), info: CollectionInfo) {
        try await authorize(.read, name)
        return try await database.perform { [database] in
            let collection = try database.collection(name)
            return (collection.waitingForIndex, collection.info())
        }
    }

    /// Names that the caller may read from, in ascending order, without aliases.
    package func collectionNames() async throws -> [String] {
        try await visible(database.collectionNames())
    }

    /// Whether `name` is a collection or an alias of one.
    package func collectionExists(_ name: String) async throws -> Bool {
        try await authorize(.read, name)
        return database.hasCollection(name)
    }

    /// Every alias with the collection that it means, of those that the caller may read from.
    package func aliases() async throws -> [(alias: String, collection: String)] {
        let aliases = database.aliases()
        let names = Set(try await visible(aliases.map(\.alias)))
        return aliases.filter { names.contains($0.alias) }
    }

    /// The aliases of one collection; throws `notFound` when there is none of that name.
    package func aliases(
        of collection: String
    ) async throws -> [(alias: String, collection: String)] {
        try await authorize(.read, collection)
        let name = try database.collection(collection).name
        return database.aliases().filter { $0.collection == name }
    }

    /// Applies all changes or none.
    package func changeAliases(_ changes: [AliasChange]) async throws {
        try await authorize(.manage, nil)
        try await database.perform { [database] in try database.changeAliases(changes) }
    }
}

/// Points and payload indexes, writing.
extension Operations {
    /// Applies the operations in order as one atomic batch; one result per operation.
    ///
    /// With `wait` the answer comes once the batch is on disk and searches see it, without it
    /// once the batch is validated and queued. `positions` become the collection's with it, if those
    /// in `previous` are as they are said there.
    package func write(
        _ operations: [WriteOperation], to collection: String, wait: Bool,
        positions: SourcePositions = SourcePositions(),
        after previous: SourcePositions = SourcePositions()
    ) async throws -> [WriteResult] {
        try await writing(to: collection) { collection, filter in
            try CallModels.check(operations, in: collection)
            return try await collection.write(
                operations.map { $0.restricted(to: filter) }, within: filter,
                acknowledgement: wait ? .completed : .accepted, positions: positions,
                after: previous)
        }
    }

    /// The same for one operation.
    package func write(
        _ operation: WriteOperation, to collection: String, wait: Bool
    ) async throws -> WriteResult {
        guard let result = try await write([operation], to: collection, wait: wait).first else {
            throw DatabaseError(.internalError, "A write to `\(collection)` gave no result")
        }
        return result
    }

    package func createPayloadIndex(
        on field: PayloadPath, _ schema: PayloadFieldSchema, in collection: String
    ) async throws -> WriteResult {
        try await authorize(.alter, collection)
        return try await database.perform { [database] in
            try database.collection(collection).createPayloadIndex(field, schema)
        }
    }

    package func dropPayloadIndex(
        on field: PayloadPath, in collection: String
    ) async throws -> WriteResult {
        try await authorize(.alter, collection)
        return try await database.perform { [database] in
            try database.collection(collection).dropPayloadIndex(field)
        }
    }

    /// The newest version that reads see, once it is `version` or later.
    package func waitForVersion(
        _ version: SequenceNumber, in collection: String, within timeout: Duration
    ) async throws -> SequenceNumber {
        try await authorize(.read, collection)
        return try await database.collection(collection).waitForVersion(version, within: timeout)
    }
}
