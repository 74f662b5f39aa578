package import ApusCore
private import Foundation
import Synchronization

/// Finds out who makes a call, by its key or token: the header `api-key`, or `authorization` with a
/// bearer token, may carry either.
package final class Authenticator: Sendable {
    private let settings: ServerConfiguration.Auth
    private let state: Mutex<State>
    /// Callers of tokens that were verified before, so that a signature is not computed for each
    /// call; forgotten when keys change.
    private static let rememberedMax = 4_096

    private struct State {
        var credentials: Credentials
        var remembered: [String: (caller: Caller, expiry: Date?)] = [:]
    }

    private struct Credentials {
        /// Keys with what they allow; every one is compared, whichever fits.
        var keys: [(key: [UInt8], caller: Caller)] = []
        var tokens: TokenVerifier?
    }

    /// Reads the files that settings name. Throws `ConfigurationError` that names the setting.
    package init(_ settings: ServerConfiguration.Auth = .init()) throws {
        self.settings = settings
        state = Mutex(State(credentials: try Self.credentials(settings)))
    }

    package var isNeeded: Bool { settings.needsCredentials }

    /// What `reload` reads.
    package var files: [String] {
        [
            settings.apiKeyPath, settings.readOnlyKeyPath, settings.jwt.secretPath,
            settings.jwt.keySetPath,
        ].compactMap(\.self)
    }

    /// Takes the keys of changed files; when one is wrong, all stay as they were.
    package func reload() throws {
        let credentials = try Self.credentials(settings)
        state.withLock { $0 = State(credentials: credentials) }
    }

    /// Who calls, where no signature has to be computed for it; nil: it takes `authenticate`.
    /// Throws `unauthenticated`.
    package func authenticateAtOnce(
        _ header: (String) -> String?
    ) throws(DatabaseError) -> Caller? {
        guard isNeeded else { return .anonymous }
        guard
            let given = header("api-key") ?? header("authorization").flatMap(Self.bearerToken),
            !given.isEmpty
        else {
            throw DatabaseError(
                .unauthenticated, "Must provide an API key or an Authorization bearer token")
        }
        let (caller, hasTokens) = state.withLock { state -> (Caller?, Bool) in
            var found: Caller?
            let bytes = Array(given.utf8)
            for (key, caller) in state.credentials.keys where Self.matches(bytes, key) {
                found = found ?? caller
            }
            if found == nil, let known = state.remembered[given] {
                if known.expiry.map({ $0 > .now }) ?? true {
                    found = known.caller
                } else {
                    state.remembered[given] = nil
                }
            }
            return (found, state.credentials.tokens != nil)
        }
        if caller == nil, !hasTokens || !given.contains(".") { throw Self.invalid }
        return caller
    }

    /// Who calls. Throws `unauthenticated`.
    package func authenticate(_ header: (String) -> String?) async throws -> Caller {
        if let caller = try authenticateAtOnce(header) { return caller }
        guard
            let token = header("api-key") ?? header("authorization").flatMap(Self.bearerToken),
            let verifier = state.withLock({ $0.credentials.tokens })
        else { throw Self.invalid }
        let verified = try await verifier.verify(token)
        state.withLock { state in
            // Keys may have changed meanwhile.
            guard state.credentials.tokens === verifier else { return }
            if state.remembered.count >= Self.rememberedMax { state.remembered = [:] }
            state.remembered[token] = verified
        }
        return verified.caller
    }

    private static let invalid = DatabaseError(
        .unauthenticated, "Invalid API key or bearer token")

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

    private static func credentials(_ settings: ServerConfiguration.Auth) throws -> Credentials {
        var credentials = Credentials()
        for (setting, text, path, subject, access) in [
            ("auth.api_key", settings.apiKey, settings.apiKeyPath, "api-key", Access.everything),
            (
                "auth.read_only_api_key", settings.readOnlyKey, settings.readOnlyKeyPath,
                "read-only-api-key", Access.reading
            ),
        ] {
            guard let key = try secret(text, path, setting) else { continue }
            credentials.keys.append((key, Caller(subject: subject, access: access)))
        }
        credentials.tokens = try TokenVerifier(
            settings.jwt,
            secret: try secret(settings.jwt.secret, settings.jwt.secretPath, "auth.jwt.secret"))
        return credentials
    }

    /// The bytes of a secret from the setting or its file, without the line break that editors put
    /// at the end of one.
    private static func secret(
        _ text: String?, _ path: String?, _ setting: String
    ) throws -> [UInt8]? {
        if let text { return text.isEmpty ? nil : Array(text.utf8) }
        guard let path else { return nil }
        guard var bytes = FileManager.default.contents(atPath: path).map(Array.init) else {
            throw ConfigurationError(place: "\(setting)_file", reason: "cannot read \(path)")
        }
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        guard !bytes.isEmpty else {
            throw ConfigurationError(place: "\(setting)_file", reason: "\(path) is empty")
        }
        return bytes
    }
}
