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
}

/// Points, reading. Each call sees one version of the collection from its start to its end: the
/// newest, or what `CallReading` says.
extension Operations {
    /// Best first.
    package func query(
        _ request: QueryRequest, in collection: String
    ) async throws -> [ScoredPoint] { try await answer(request, in: collection).points }

    /// The same with what the answer says about itself.
    package func answer(
        _ request: QueryRequest, in collection: String
    ) async throws -> QueryAnswer {
        try await reading(collection) { collection, filter in
            try CallModels.check([request], in: collection)
            let request = try await permitted(CallReading.applied(to: request), collection, filter)
            let answer = try await watch.answer(
                request, collection, at: CallReading.version(in: collection))
            _ = CallReading.points(of: [answer])
            return answer
        }
    }

    /// The newest version that reads see, once it is `version` or later.
    package func waitForVersion(
        _ version: SequenceNumber, in collection: String, within timeout: Duration
    ) async throws -> SequenceNumber {
        try await authorize(.read, collection)
        return try await database.collection(collection).waitForVersion(version, within: timeout)
    }

    /// One list of results per request, in their order.
    package func query(
        _ requests: [QueryRequest], in collection: String
    ) async throws -> [[ScoredPoint]] {
        try await reading(collection) { collection, filter in
            try CallModels.check(requests, in: collection)
            var permitted: [QueryRequest] = []
            for request in requests {
                permitted.append(
                    try await self.permitted(
                        CallReading.applied(to: request), collection, filter))
            }
            let answers = try await watch.answers(
                permitted, collection, at: CallReading.version(in: collection))
            return CallReading.points(of: answers)
        }
    }

    /// The same with what was done to find the points.
    package func explain(
        _ request: QueryRequest, comparing: Bool = false, in collection: String
    ) async throws -> QueryAnswer {
        try await reading(collection) { collection, filter in
            try CallModels.check([request], in: collection)
            let answer = try await collection.explain(
                try await permitted(CallReading.applied(to: request), collection, filter),
                at: CallReading.version(in: collection), comparing: comparing)
            _ = CallReading.points(of: [answer])
            return answer
        }
    }

    package func groups(
        _ request: GroupsRequest, in collection: String
    ) async throws -> [PointGroup] {
        try await reading(collection) { collection, filter in
            try CallModels.check([request.query], in: collection)
            return try await watch.groups(
                try await permitted(CallReading.applied(to: request), collection, filter),
                collection, at: CallReading.version(in: collection))
        }
    }

    /// In the order of `ids`; unknown ids are left out.
    package func retrieve(
        _ ids: [PointID], withPayload: PayloadSelector, withVectors: VectorSelector,
        from collection: String
    ) async throws -> [Record] {
        try await reading(collection) { collection, filter in
            let version = CallReading.version(in: collection)
            let ids = try await visible(ids, collection, filter, at: version)
            return try await collection.retrieve(
                ids, withPayload: withPayload, withVectors: withVectors, at: version)
        }
    }

    package func scroll(
        _ request: ScrollRequest, in collection: String
    ) async throws -> ScrollPage {
        try await reading(collection) { collection, filter in
            var request = CallReading.applied(to: request, in: collection)
            request.filter = request.filter.and(filter)
            return try await collection.scroll(request)
        }
    }

    /// The number of points that match; nil counts all.
    package func count(
        _ filter: Filter?, exact: Bool = true, in collection: String
    ) async throws -> Int {
        try await reading(collection) { collection, own in
            try await collection.count(
                filter.and(own), exact: exact, at: CallReading.version(in: collection))
        }
    }

    package func facets(
        _ request: FacetRequest, in collection: String
    ) async throws -> [FacetHit] {
        try await reading(collection) { collection, own in
            var request = request
            request.filter = request.filter.and(own)
            return try await collection.facets(request, at: CallReading.version(in: collection))
        }
    }

    package func matrix(
        _ request: MatrixRequest, in collection: String
    ) async throws -> DistanceMatrix {
        try await reading(collection) { collection, own in
            var request = request
            request.filter = request.filter.and(own)
            return try await collection.matrix(request, at: CallReading.version(in: collection))
        }
    }
}
