package import ApusCore

/// Decides whether an operation may proceed, and on which points; both protocols end here, because
/// `Operations` asks for every operation before it touches the database.
///
/// A caller's key or token comes first. Where there is a policy decision point, it must agree.
/// What nobody allowed is refused.
package struct Authorizer: Sendable {
    /// Whether callers have to show who they are; without that, a call without a caller is nobody's.
    let needsCaller: Bool
    let policy: PolicyClient?

    package init(needsCaller: Bool, policy: PolicyClient? = nil) {
        self.needsCaller = needsCaller
        self.policy = policy
    }

    /// Allows everything to everybody: for programs that use the operations directly.
    package static let open = Authorizer(needsCaller: false)

    /// What a permission is restricted to.
    package struct Grant: Hashable, Sendable {
        /// The points that the operation may see and touch; nil: all.
        package var filter: Filter?
    }

    /// Throws `permissionDenied`, or `unauthenticated` where nobody is known to call.
    ///
    /// - Parameters:
    ///   - collection: as the caller says it; nil for what concerns all.
    ///   - target: the collection that this is a name of, which may be another for an alias.
    ///   - isAsked: false when nothing is refused by it, only left out of a list.
    package func authorize(
        _ action: Action, on collection: String?, target: String?, isAsked: Bool = true
    ) async throws -> Grant {
        guard let policy else {
            return try authorizeAtOnce(action, on: collection, target: target, isAsked: isAsked)
        }
        let caller = try caller
        do {
            var grant = try Self.grant(caller, action, on: collection, target: target)
            let extra = try await policy.decide(
                caller, action, on: target ?? collection, call: CallContext.current)
            grant.filter = grant.filter.and(extra.filter)
            if grant.filter != nil { try Self.checkFits(grant, action, collection) }
            if isAsked { Self.note(action, target ?? collection, isAllowed: true) }
            return grant
        } catch {
            if isAsked { Self.note(action, target ?? collection, isAllowed: false) }
            throw error
        }
    }

    /// The same where there is no policy decision point.
    func authorizeAtOnce(
        _ action: Action, on collection: String?, target: String?, isAsked: Bool = true
    ) throws(DatabaseError) -> Grant {
        let caller = try caller
        do throws(DatabaseError) {
            let grant = try Self.grant(caller, action, on: collection, target: target)
            if isAsked { Self.note(action, target ?? collection, isAllowed: true) }
            return grant
        } catch {
            if isAsked { Self.note(action, target ?? collection, isAllowed: false) }
            throw error
        }
    }

    private var caller: Caller {
        get throws(DatabaseError) {
            guard let caller = CallContext.current?.caller ?? (needsCaller ? nil : .anonymous)
            else {
                throw DatabaseError(
                    .unauthenticated, "Must provide an API key or a bearer token")
            }
            return caller
        }
    }

    private static func note(_ action: Action, _ collection: String?, isAllowed: Bool) {
        CallContext.current?.note(action, on: collection, isAllowed: isAllowed)
    }

    /// What the caller's own access says.
    static func grant(
        _ caller: Caller, _ action: Action, on collection: String?, target: String?
    ) throws(DatabaseError) -> Grant {
        switch caller.access {
        case .everything:
            return Grant()
        case .reading:
            guard [.read, .inspect, .observe].contains(action) else {
                throw denied(action, collection)
            }
            return Grant()
        case .collections(let collections):
            guard let collection,
                let access = collections[collection] ?? target.flatMap({ collections[$0] })
            else { throw denied(action, collection) }
            switch action {
            case .read, .inspect: break
            case .write, .alter:
                guard access.writes else { throw denied(action, collection) }
            case .manage, .observe: throw denied(action, collection)
            }
            let grant = Grant(filter: access.filter)
            try checkFits(grant, action, collection)
            return grant
        }
    }

    /// Part of the points is not enough for what concerns the whole collection.
    private static func checkFits(
        _ grant: Grant, _ action: Action, _ collection: String?
    ) throws(DatabaseError) {
        switch action {
        case .read, .write: return
        case .inspect, .alter, .manage, .observe:
            if grant.filter != nil { throw denied(action, collection) }
        }
    }

    static func denied(_ action: Action, _ collection: String?) -> DatabaseError {
        let place = collection.map { " on collection `\($0)`" } ?? ""
        return DatabaseError(
            .permissionDenied, "Forbidden: the caller may not \(action.rawValue)\(place)")
    }
}

extension Optional where Wrapped == Filter {
    /// What both let through.
    package func and(_ other: Filter?) -> Filter? {
        guard let other else { return self }
        guard let self else { return other }
        return Filter(must: [.filter(self), .filter(other)])
    }
}
