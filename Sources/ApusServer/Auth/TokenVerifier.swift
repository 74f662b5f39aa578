import ApusCore
import Foundation
import JWTKit

/// Verifies JSON Web Tokens (RFC 7519) and reads what they allow (`TokenClaims`).
///
/// Each key has one algorithm, which is that of the configuration or of the key set, never one that
/// a token names: a token cannot choose how it is verified.
final class TokenVerifier: Sendable {
    /// What shorter secrets could be guessed by (RFC 7518, 3.2).
    private static let secretByteCountMin = 32

    private let settings: ServerConfiguration.Auth.JWT
    private let secret: [UInt8]?
    private let keySet: KeySet?

    /// nil: there are no keys. Throws `ConfigurationError` that names the setting.
    init?(_ settings: ServerConfiguration.Auth.JWT, secret: [UInt8]?) throws {
        guard settings.isOn else { return nil }
        if let secret, secret.count < Self.secretByteCountMin {
            throw ConfigurationError(
                place: "auth.jwt.secret",
                reason: "has \(secret.count) bytes, must have \(Self.secretByteCountMin) or more")
        }
        self.settings = settings
        self.secret = secret
        keySet = try settings.keySetPath.map(Self.keySet)
    }

    /// The caller, and when the token ends. Throws `unauthenticated`.
    func verify(_ token: String) async throws -> (caller: Caller, expiry: Date?) {
        let claims: Claims
        do {
            claims = try await keys().verify(token, as: Claims.self)
        } catch {
            throw DatabaseError(.unauthenticated, "Invalid API key or bearer token")
        }
        return try TokenClaims(claims.values, settings, now: .now).caller
    }

    /// A collection for each token: one keeps state about the keys without an algorithm.
    private func keys() async throws -> JWTKeyCollection {
        let keys = JWTKeyCollection()
        for (kid, secret) in keySet?.secrets ?? [:] {
            await keys.add(
                hmac: HMACKey(from: secret), digestAlgorithm: .sha256,
                kid: JWKIdentifier(string: kid))
        }
        if let set = keySet?.pairs { try await keys.add(jwks: set) }
        // Without a `kid` that the set has.
        if let secret {
            await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        }
        return keys
    }

    private static func keySet(_ path: String) throws -> KeySet {
        do throws(KeySet.Refusal) {
            return try KeySet(path: path, secretByteCountMin: secretByteCountMin)
        } catch {
            throw ConfigurationError(
                place: "auth.jwt.jwks_file", reason: "\(path): \(error.reason)")
        }
    }

    /// Whatever a token says: `TokenClaims` reads it.
    private struct Claims: JWTPayload {
        let values: JSONValue

        init(from decoder: any Decoder) throws { values = try JSONValue(from: decoder) }
        func encode(to encoder: any Encoder) throws { try values.encode(to: encoder) }
        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }
}
