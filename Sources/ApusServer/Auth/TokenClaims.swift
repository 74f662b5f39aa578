package import ApusCore
package import Foundation

/// What the claims of a verified token mean.
///
///     {
///       "sub": "alice", "exp": 1767225600, "nbf": …, "iss": …, "aud": …,
///       "access": "r" | "m" | [{"collection": "docs", "access": "r" | "rw", "payload": {"tenant": 7}}],
///       "value_exists": {"collection": "tokens", "matches": [{"key": "id", "value": "abc"}]}
///     }
///
/// A claim that is there and cannot be understood refuses the token, and so does a token without
/// `access`: what it was meant to restrict would go unrestricted.
package struct TokenClaims: Sendable {
    package let caller: (caller: Caller, expiry: Date?)

    /// Throws `unauthenticated`.
    package init(
        _ claims: JSONValue, _ settings: ServerConfiguration.Auth.JWT, now: Date
    ) throws(DatabaseError) {
        guard case .object(let members) = claims else { throw Self.refused("is no object") }
        let leeway = settings.leeway.seconds
        let expiry = try Self.time(members, "exp").map { $0.addingTimeInterval(leeway) }
        if let expiry, expiry <= now { throw Self.refused("has expired") }
        if let start = try Self.time(members, "nbf"), start > now.addingTimeInterval(leeway) {
            throw Self.refused("is not valid yet")
        }
        if let issuer = settings.issuer, members["iss"] != .string(issuer) {
            throw Self.refused("has another issuer")
        }
        if let audience = settings.audience {
            switch members["aud"] {
            case .string(audience): break
            case .array(let list) where list.contains(.string(audience)): break
            default: throw Self.refused("is for another audience")
            }
        }
        var subject = "jwt"
        if case .string(let text)? = members["sub"] { subject += ":\(text)" }
        caller = (
            Caller(
                subject: subject, access: try Self.access(members["access"]), claims: claims,
                condition: try members["value_exists"].map(Self.condition)), expiry
        )
    }

    private static func time(
        _ members: [String: JSONValue], _ name: String
    ) throws(DatabaseError) -> Date? {
        switch members[name] {
        case nil: nil
        case .integer(let seconds): Date(timeIntervalSince1970: Double(seconds))
        case .double(let seconds): Date(timeIntervalSince1970: seconds)
        default: throw refused("has a claim `\(name)` that is no time")
        }
    }

    private static func access(_ claim: JSONValue?) throws(DatabaseError) -> Access {
        switch claim {
        case .string("r"): return .reading
        case .string("m"): return .everything
        case .array(let list):
            var collections: [String: CollectionAccess] = [:]
            for element in list {
                guard case .object(let members) = element,
                    case .string(let name)? = members["collection"],
                    case .string(let word)? = members["access"], ["r", "rw"].contains(word)
                else { throw refused("has an access claim of an unknown form") }
                guard collections[name] == nil else {
                    throw refused("has two access claims for one collection")
                }
                var filter: Filter?
                if let payload = members["payload"], payload != .null {
                    guard case .object(let values) = payload else {
                        throw refused("has a payload restriction that is no object")
                    }
                    filter = Filter(must: try values.map(condition))
                }
                collections[name] = CollectionAccess(writes: word == "rw", filter: filter)
            }
            return .collections(collections)
        default: throw refused("has no access claim, or one of an unknown form")
        }
    }

    private static func condition(_ claim: JSONValue) throws(DatabaseError) -> Caller.PointCondition
    {
        guard case .object(let members) = claim,
            case .string(let collection)? = members["collection"],
            case .array(let matches)? = members["matches"], !matches.isEmpty
        else { throw refused("has a claim value_exists of an unknown form") }
        var conditions: [Condition] = []
        for match in matches {
            guard case .object(let pair) = match, case .string(let key)? = pair["key"],
                let value = pair["value"]
            else { throw refused("has a claim value_exists of an unknown form") }
            conditions.append(try condition(key, value))
        }
        return Caller.PointCondition(
            collection: collection, filter: Filter(must: conditions))
    }

    /// One value that a payload must have under a key.
    package static func condition(
        _ key: String, _ value: JSONValue
    ) throws(DatabaseError) -> Condition {
        guard let path = PayloadPath(key) else { throw refused("names `\(key)`, which is no path") }
        switch value {
        case .string(let text): return .field(path, .matchKeyword(text))
        case .integer(let number): return .field(path, .matchInteger(number))
        case .bool(let flag): return .field(path, .matchBool(flag))
        case .null, .double, .array, .object:
            throw refused("restricts `\(key)` to what is no word, whole number or truth value")
        }
    }

    private static func refused(_ reason: String) -> DatabaseError {
        DatabaseError(.unauthenticated, "Invalid bearer token: it \(reason)")
    }
}
