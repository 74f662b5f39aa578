package import Apus
package import ApusCore

/// What both protocols call: every operation of the interface on values of `ApusCore`.
///
/// It knows neither protocol. Searches and blocking work run on the engine's own threads; the
/// caller suspends. All errors are `DatabaseError`.
package struct Operations: Sendable {
    package let database: Database

    package init(database: Database) { self.database = database }
}

/// Collections and their aliases.
extension Operations {
    /// Creates a collection and throws `alreadyExists` if there is one of that name.
    package func createCollection(
        _ name: String, _ configuration: CollectionConfiguration
    ) async throws {
        _ = try await database.perform { [database] in
            try database.createCollection(name, configuration)
        }
    }

    package func updateCollection(
        _ name: String, _ change: CollectionConfigurationChange
    ) async throws {
        try await database.perform { [database] in
            try database.collection(name).update(change)
        }
    }

    /// Whether there was a collection of that name.
    package func deleteCollection(_ name: String) async throws -> Bool {
        try await database.perform { [database] in try database.dropCollection(name) }
    }

    package func collectionInfo(_ name: String) async throws -> CollectionInfo {
        try await database.perform { [database] in try database.collection(name).info() }
    }

    /// Where the bytes of a collection lie, and the memory that only kept versions use.
    package func usage(
        of name: String
    ) async throws -> (current: StorageUsage, pinned: Int) {
        try await database.perform { [database] in try database.collection(name).usage() }
    }

    /// Whether files of the collection are damaged; nil: there is no such collection any more.
    package func isDegraded(_ name: String) async -> Bool? {
        do {
            return try await database.perform { [database] in
                try !database.collection(name).degradations().isEmpty
            }
        } catch {
            return (error as? DatabaseError)?.kind == .notFound ? nil : true
        }
    }

    /// Names in ascending order, without aliases.
    package func collectionNames() -> [String] { database.collectionNames() }

    /// Whether `name` is a collection or an alias of one.
    package func collectionExists(_ name: String) -> Bool { database.hasCollection(name) }

    /// Every alias with the collection that it means.
    package func aliases() -> [(alias: String, collection: String)] { database.aliases() }

    /// The aliases of one collection; throws `notFound` when there is none of that name.
    package func aliases(
        of collection: String
    ) throws -> [(alias: String, collection: String)] {
        let name = try database.collection(collection).name
        return database.aliases().filter { $0.collection == name }
    }

    /// Applies all changes or none.
    package func changeAliases(_ changes: [AliasChange]) async throws {
        try await database.perform { [database] in try database.changeAliases(changes) }
    }
}

/// Points and payload indexes, writing.
extension Operations {
    /// Applies the operations in order as one atomic batch; one result per operation.
    ///
    /// With `wait` the answer comes once the batch is on disk and searches see it, without it
    /// once the batch is validated and queued.
    package func write(
        _ operations: [WriteOperation], to collection: String, wait: Bool
    ) async throws -> [WriteResult] {
        try await opened(collection)
            .write(operations, acknowledgement: wait ? .completed : .accepted)
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
        try await database.perform { [database] in
            try database.collection(collection).createPayloadIndex(field, schema)
        }
    }

    package func dropPayloadIndex(
        on field: PayloadPath, in collection: String
    ) async throws -> WriteResult {
        try await database.perform { [database] in
            try database.collection(collection).dropPayloadIndex(field)
        }
    }
}

/// Points, reading. Each call sees one version of the collection from its start to its end: the
/// newest, or what `CallReading` says.
extension Operations {
    /// Best first.
    package func query(
        _ request: QueryRequest, in collection: String
    ) async throws -> [ScoredPoint] {
        let collection = try opened(collection)
        let answer = try await collection.answer(
            CallReading.applied(to: request), at: CallReading.version(in: collection))
        return CallReading.points(of: [answer])[0]
    }

    /// One list of results per request, in their order.
    package func query(
        _ requests: [QueryRequest], in collection: String
    ) async throws -> [[ScoredPoint]] {
        let collection = try opened(collection)
        let answers = try await collection.answers(
            requests.map(CallReading.applied), at: CallReading.version(in: collection))
        return CallReading.points(of: answers)
    }

    /// The same with what was done to find the points.
    package func explain(
        _ request: QueryRequest, in collection: String
    ) async throws -> QueryAnswer {
        let collection = try opened(collection)
        let answer = try await collection.explain(
            CallReading.applied(to: request), at: CallReading.version(in: collection))
        _ = CallReading.points(of: [answer])
        return answer
    }

    package func groups(
        _ request: GroupsRequest, in collection: String
    ) async throws -> [PointGroup] {
        let collection = try opened(collection)
        return try await collection.groups(
            CallReading.applied(to: request), at: CallReading.version(in: collection))
    }

    /// In the order of `ids`; unknown ids are left out.
    package func retrieve(
        _ ids: [PointID], withPayload: PayloadSelector, withVectors: VectorSelector,
        from collection: String
    ) async throws -> [Record] {
        let collection = try opened(collection)
        return try await collection.retrieve(
            ids, withPayload: withPayload, withVectors: withVectors,
            at: CallReading.version(in: collection))
    }

    package func scroll(
        _ request: ScrollRequest, in collection: String
    ) async throws -> ScrollPage {
        let collection = try opened(collection)
        return try await collection.scroll(CallReading.applied(to: request, in: collection))
    }

    /// The number of points that match; nil counts all. Always exact.
    package func count(_ filter: Filter?, in collection: String) async throws -> Int {
        let collection = try opened(collection)
        return try await collection.count(filter, at: CallReading.version(in: collection))
    }

    package func facets(
        _ request: FacetRequest, in collection: String
    ) async throws -> [FacetHit] {
        let collection = try opened(collection)
        return try await collection.facets(request, at: CallReading.version(in: collection))
    }

    package func matrix(
        _ request: MatrixRequest, in collection: String
    ) async throws -> DistanceMatrix {
        let collection = try opened(collection)
        return try await collection.matrix(request, at: CallReading.version(in: collection))
    }

    /// The collection; throws when its strict mode refuses the call's timeout.
    private func opened(_ name: String) throws -> Collection {
        let collection = try database.collection(name)
        try CallReading.checkTimeout(in: collection)
        return collection
    }
}
