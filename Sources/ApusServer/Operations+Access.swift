import Apus
import ApusCore

/// What an operation asks before it touches the database: may its caller do it, on which points,
/// and is there room for it?
extension Operations {
    /// Throws `permissionDenied` or `unauthenticated`. An answer does not depend on whether there
    /// is such a collection.
    @discardableResult
    func authorize(
        _ action: Action, _ collection: String?, isAsked: Bool = true
    ) async throws -> Filter? {
        let grant = try await authorizer.authorize(
            action, on: collection, target: collection.flatMap(database.target(ofAlias:)),
            isAsked: isAsked)
        if let condition = CallContext.current?.caller.condition {
            let count = try? await database.collection(condition.collection)
                .count(condition.filter)
            guard let count, count > 0 else {
                throw DatabaseError(
                    .unauthenticated, "Invalid bearer token: its value_exists does not hold")
            }
        }
        return grant.filter
    }

    /// Runs a read of points; `filter` is what the caller may see, nil: everything.
    func reading<Value>(
        _ name: String,
        _ body: (_ collection: Collection, _ filter: Filter?) async throws -> Value
    ) async throws -> Value {
        let filter = try await authorize(.read, name)
        let collection = try database.collection(name)
        try CallReading.checkTimeout(in: collection)
        try await CallReading.waitForVersion(in: collection)
        return try await admission.admitting(.read) {
            try await body(collection, filter)
        }
    }

    /// Runs a write of points; `filter` is what the caller may touch, nil: everything.
    func writing<Value>(
        to name: String,
        _ body: (_ collection: Collection, _ filter: Filter?) async throws -> Value
    ) async throws -> Value {
        let filter = try await authorize(.write, name)
        let collection = try database.collection(name)
        try CallReading.checkTimeout(in: collection)
        return try await admission.admitting(.write) {
            try await body(collection, filter)
        }
    }

    /// Those of the names that the caller may read from.
    func visible(_ names: [String]) async throws -> [String] {
        guard authorizer.needsCaller || authorizer.policy != nil else { return names }
        var visible: [String] = []
        for name in names {
            do {
                try await authorize(.read, name, isAsked: false)
                visible.append(name)
            } catch let error as DatabaseError where error.kind == .permissionDenied {
                continue
            }
        }
        return visible
    }

    /// Those of the ids whose points the caller may see.
    func visible(
        _ ids: [PointID], _ collection: Collection, _ filter: Filter?,
        at version: SequenceNumber? = nil
    ) async throws -> [PointID] {
        guard let filter, !ids.isEmpty else { return ids }
        let wanted = Filter(must: [.hasID(Set(ids)), .filter(filter)])
        let found = try await collection.query(
            QueryRequest(filter: wanted, limit: ids.count), at: version)
        let known = Set(found.map(\.id))
        return ids.filter(known.contains)
    }

    /// A query that finds only what the caller may see, and looks only at such points: one that
    /// names others as examples learns that there are none.
    func permitted(
        _ request: QueryRequest, _ collection: Collection, _ filter: Filter?
    ) async throws -> QueryRequest {
        var request = request
        request.filter = request.filter.and(filter)
        for lookup in request.lookups {
            guard let name = lookup.collection else {
                try await requireVisible(lookup.ids, collection, filter)
                continue
            }
            let other = try await authorize(.read, name)
            try await requireVisible(lookup.ids, try database.collection(name), other)
        }
        return request
    }

    func permitted(
        _ request: GroupsRequest, _ collection: Collection, _ filter: Filter?
    ) async throws -> GroupsRequest {
        var request = request
        request.query = try await permitted(request.query, collection, filter)
        if let lookup = request.withLookup {
            // The points that come with the groups are not looked at one by one.
            guard try await authorize(.read, lookup.collection) == nil else {
                throw Authorizer.denied(.read, lookup.collection)
            }
        }
        return request
    }

    private func requireVisible(
        _ ids: [PointID], _ collection: Collection, _ filter: Filter?
    ) async throws {
        guard filter != nil else { return }
        let known = Set(try await visible(ids, collection, filter))
        if let id = ids.first(where: { !known.contains($0) }) {
            throw DatabaseError.pointNotFound(id)
        }
    }
}

extension WriteOperation {
    /// The same for the points that match only. Points that are named by id and do not match are
    /// treated as if they were not there; what an upsert would replace, the engine looks at.
    func restricted(to filter: Filter?) -> WriteOperation {
        guard let filter else { return self }
        return switch self {
        case .upsert, .conditionalUpsert, .updateVectors, .conditionalUpdateVectors: self
        case .delete(let points): .delete(points.restricted(to: filter))
        case .deleteVectors(let names, let points):
            .deleteVectors(names: names, points.restricted(to: filter))
        case .setPayload(let payload, let key, let points):
            .setPayload(payload, key: key, points.restricted(to: filter))
        case .overwritePayload(let payload, let key, let points):
            .overwritePayload(payload, key: key, points.restricted(to: filter))
        case .deletePayload(let keys, let points):
            .deletePayload(keys: keys, points.restricted(to: filter))
        case .clearPayload(let points): .clearPayload(points.restricted(to: filter))
        }
    }
}

extension PointSelection {
    fileprivate func restricted(to filter: Filter) -> PointSelection {
        switch self {
        case .ids(let ids): .filter(Filter(must: [.hasID(Set(ids)), .filter(filter)]))
        case .filter(let own): .filter(Filter(must: [.filter(own), .filter(filter)]))
        }
    }
}

/// Points that a query names, and the collection that they are looked up in; nil: the query's own.
struct PointLookup: Hashable {
    var collection: String?
    var ids: [PointID]

    fileprivate static func list(_ query: Query?, from location: LookupLocation?) -> [PointLookup] {
        let ids = query?.namedPoints ?? []
        guard location != nil || !ids.isEmpty else { return [] }
        return [PointLookup(collection: location?.collection, ids: ids)]
    }
}

extension QueryRequest {
    /// Every point that the query and its prefetches name.
    var lookups: [PointLookup] {
        PointLookup.list(query, from: lookupFrom) + prefetch.flatMap(\.lookups)
    }
}

extension Prefetch {
    fileprivate var lookups: [PointLookup] {
        PointLookup.list(query, from: lookupFrom) + prefetch.flatMap(\.lookups)
    }
}

extension Query {
    /// The points whose vectors it uses.
    fileprivate var namedPoints: [PointID] { inputs.points }

    /// The points and vectors that it is about.
    var inputs: [VectorInput] {
        switch self {
        case .nearest(let input), .diverse(let input, _): [input]
        case .recommend(let positive, let negative, _): positive + negative
        case .discover(let target, let pairs): [target] + pairs.inputs
        case .context(let pairs): pairs.inputs
        case .relevanceFeedback(let target, let feedback, _): [target] + feedback.map(\.example)
        case .fusion, .formula, .orderBy, .sampleRandom: []
        }
    }
}

extension [ContextPair] {
    fileprivate var inputs: [VectorInput] { flatMap { [$0.positive, $0.negative] } }
}

extension [VectorInput] {
    fileprivate var points: [PointID] {
        compactMap { input in
            switch input {
            case .id(let id): id
            case .vector: nil
            }
        }
    }
}
