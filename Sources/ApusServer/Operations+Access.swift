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
            action, on: collection, target: target(collection), isAsked: isAsked)
        if let condition = CallContext.current?.caller.condition {
            try Self.requireMatch(
                count: try? await database.collection(condition.collection)
                    .count(condition.filter))
        }
        return grant.filter
    }

    /// The same where there is no policy to be asked; on a search thread.
    func authorizeAtOnce(_ action: Action, _ collection: String) throws -> Filter? {
        let grant = try authorizer.authorizeAtOnce(
            action, on: collection, target: target(collection))
        if let condition = CallContext.current?.caller.condition {
            try Self.requireMatch(
                count: try? database.collection(condition.collection).count(condition.filter))
        }
        return grant.filter
    }

    /// What an alias stands for.
    private func target(_ collection: String?) -> String? {
        collection.flatMap(database.target(ofAlias:))
    }

    private static func requireMatch(count: Int?) throws {
        guard let count, count > 0 else {
            throw DatabaseError(
                .unauthenticated, "Invalid bearer token: its value_exists does not hold")
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
