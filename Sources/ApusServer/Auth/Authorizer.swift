package import ApusCore

/// Decides whether a call may proceed; both protocols ask here.
///
/// Without a key every call may. With one, a call must carry it, as the header `api-key` or as a
/// bearer token. What answers without a key anyway (version and health) is the protocols' own
/// business: they do not ask.
package struct Authorizer: Sendable {
    private let key: [UInt8]?

    /// nil or an empty key leaves the server open.
    package init(apiKey: String?) {
        key = apiKey.flatMap { $0.isEmpty ? nil : Array($0.utf8) }
    }

    package var requiresKey: Bool { key != nil }

    /// Throws `unauthenticated` unless one of the two header values carries the key.
    package func authorize(
        apiKey: String?, authorization: String?
    ) throws(DatabaseError) {
        guard let key else { return }
        guard let given = apiKey ?? authorization.flatMap(Self.bearerToken) else {
            throw DatabaseError(
                .unauthenticated, "Must provide an API key or an Authorization bearer token")
        }
        guard Self.matches(Array(given.utf8), key) else {
            throw DatabaseError(.unauthenticated, "Invalid API key or bearer token")
        }
    }

    /// The scheme's name may have any case (RFC 9110, 11.1).
    private static func bearerToken(_ header: String) -> String? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }

    /// Compares in a time that depends only on the length of `given`, so that answers do not
    /// tell how much of a guess was right.
    private static func matches(_ given: [UInt8], _ key: [UInt8]) -> Bool {
        var difference: UInt8 = given.count == key.count ? 0 : 1
        for (index, byte) in given.enumerated() { difference |= byte ^ key[index % key.count] }
        return difference == 0
    }
}
