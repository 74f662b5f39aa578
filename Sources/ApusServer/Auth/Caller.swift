package import ApusCore

/// Who makes a call, and what that alone allows.
package struct Caller: Hashable, Sendable {
    /// For the audit log and for policies: `api-key`, `read-only-api-key`, `anonymous`, or
    /// `jwt:` and the token's subject.
    package var subject: String
    package var access: Access
    /// What the caller's token says of it, for policies; null without a token.
    package var claims = JSONValue.null
    /// The token holds only while there is such a point.
    package var condition: PointCondition?

    package init(
        subject: String, access: Access, claims: JSONValue = .null,
        condition: PointCondition? = nil
    ) {
        self.subject = subject
        self.access = access
        self.claims = claims
        self.condition = condition
    }

    /// Nobody in particular, on a server that asks nobody who they are.
    package static let anonymous = Caller(subject: "anonymous", access: .everything)

    package struct PointCondition: Hashable, Sendable {
        package var collection: String
        package var filter: Filter

        package init(collection: String, filter: Filter) {
            self.collection = collection
            self.filter = filter
        }
    }
}

/// What a caller may do.
package enum Access: Hashable, Sendable {
    /// Everything, in all collections that are and will be.
    case everything
    /// To read everything.
    case reading
    /// What is said for single collections, by their names or aliases; nothing else.
    case collections([String: CollectionAccess])
}

package struct CollectionAccess: Hashable, Sendable {
    /// To write points, payloads and payload indexes too.
    package var writes: Bool
    /// Only the points that match; nil: all of them.
    package var filter: Filter?

    package init(writes: Bool, filter: Filter? = nil) {
        self.writes = writes
        self.filter = filter
    }
}

/// What an operation does, as far as permissions are concerned.
package enum Action: String, Hashable, Sendable, CaseIterable {
    /// Reads points of a collection: only those that the caller may see.
    case read
    /// Reads what concerns the whole collection: settings, snapshots.
    case inspect
    /// Writes points.
    case write
    /// Writes what concerns the whole collection: payload indexes, snapshots.
    case alter
    /// Makes, replaces and drops collections and aliases, and all of the database's snapshots.
    case manage
    /// Reads what concerns all collections: metrics.
    case observe
}
