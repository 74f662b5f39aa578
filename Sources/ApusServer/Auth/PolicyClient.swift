import ApusCore
import ApusWire
import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import Synchronization

/// Asks a policy decision point about operations, by Open Policy Agent's data API:
/// `POST /v1/data/apus/authz/allow` with `{"input": {…}}` answers `{"result": …}`.
///
/// The result is true or false, or an object with `allow` and, for reads and writes of points,
/// `payload`: the values that a point must have, as in a token. Anything else refuses: an undefined
/// document, an error, no answer in time.
package final class PolicyClient: Sendable {
    private let settings: ServerConfiguration.Auth.OPA
    private let url: String
    private let client: HTTPClient
    private let logger: Logger
    private let cache = Mutex<[[UInt8]: (decision: Decision, until: ContinuousClock.Instant)]>([:])

    struct Decision: Hashable, Sendable {
        var isAllowed: Bool
        var filter: Filter?
    }

    /// nil: none is set.
    init?(_ settings: ServerConfiguration.Auth.OPA, client: HTTPClient, logger: Logger) {
        guard let base = settings.url else { return nil }
        self.settings = settings
        let root = base.hasSuffix("/") ? String(base.dropLast()) : base
        url = "\(root)/v1/data/\(settings.document)"
        self.client = client
        self.logger = logger
    }

    /// Throws `permissionDenied`.
    func decide(
        _ caller: Caller, _ action: Action, on collection: String?, call: CallContext?
    ) async throws -> Authorizer.Grant {
        let decision = try await decision(
            on: JSONValue.object([
                "input": .object([
                    "subject": .string(caller.subject), "claims": caller.claims,
                    "action": .string(action.rawValue),
                    "collection": collection.map(JSONValue.string) ?? .null,
                    "door": (call?.head.door.rawValue).map(JSONValue.string) ?? .null,
                    "method": (call?.head.method).map(JSONValue.string) ?? .null,
                ])
            ]).jsonBytes)
        guard decision.isAllowed else { throw Authorizer.denied(action, collection) }
        return Authorizer.Grant(filter: decision.filter)
    }

    private func decision(on question: [UInt8]) async throws -> Decision {
        let now = ContinuousClock.now
        if let known = cache.withLock({ $0[question] }), known.until > now {
            return known.decision
        }
        let decision: Decision
        do {
            decision = try await ask(question)
        } catch {
            // Not remembered: the next operation asks again.
            logger.error("policy decision failed", metadata: ["error": "\(error)"])
            throw DatabaseError(
                .permissionDenied, "Forbidden: the policy decision point gave no decision")
        }
        guard settings.cacheDuration > .zero else { return decision }
        cache.withLock { cache in
            if cache.count >= settings.cacheEntriesMax {
                cache = cache.filter { $0.value.until > now }
            }
            if cache.count >= settings.cacheEntriesMax { cache = [:] }
            cache[question] = (decision, now + settings.cacheDuration)
        }
        return decision
    }

    private func ask(_ question: [UInt8]) async throws -> Decision {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(question)
        let answer = try await client.execute(request, timeout: TimeAmount(settings.timeout))
        guard answer.status == .ok else { throw Failure(text: "status \(answer.status.code)") }
        let body = try await answer.body.collect(upTo: 1 << 20)
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(body.readableBytesView))
        guard case .object(let members) = value else { throw Failure(text: "no object") }
        return try Self.decision(members["result"])
    }

    static func decision(_ result: JSONValue?) throws -> Decision {
        switch result {
        case .bool(let isAllowed): return Decision(isAllowed: isAllowed)
        // An undefined document.
        case nil: return Decision(isAllowed: false)
        case .object(let members):
            guard case .bool(let isAllowed)? = members["allow"] else {
                throw Failure(text: "no `allow` in the result")
            }
            switch members["payload"] {
            case nil, .null: return Decision(isAllowed: isAllowed)
            case .object(let values):
                let conditions = try values.map { try TokenClaims.condition($0.key, $0.value) }
                return Decision(isAllowed: isAllowed, filter: Filter(must: conditions))
            default: throw Failure(text: "`payload` of the result is no object")
            }
        default: throw Failure(text: "a result of an unknown form")
        }
    }

    private struct Failure: Error, CustomStringConvertible {
        var text: String
        var description: String { text }
    }
}
