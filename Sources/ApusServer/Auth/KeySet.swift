import Foundation
import JWTKit

/// A JSON Web Key Set (RFC 7517, section 5): keys by their `kid`, each with one algorithm.
struct KeySet: Sendable {
    struct Refusal: Error {
        var reason: String
    }

    /// RSA, EC and OKP keys; nil: there are none.
    let pairs: JWKS?
    /// Secrets of HS256 (RFC 7518, section 6.4).
    let secrets: [String: Data]

    /// - Parameter secretByteCountMin: shorter secrets are refused.
    init(path: String, secretByteCountMin: Int) throws(Refusal) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Refusal(reason: "cannot be read")
        }
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let keys = object["keys"] as? [[String: Any]]
        else { throw Refusal(reason: "is no JSON Web Key Set") }
        guard !keys.isEmpty else { throw Refusal(reason: "has no keys") }
        var secrets: [String: Data] = [:]
        var pairs: [JWK] = []
        for (index, key) in keys.enumerated() {
            guard let kid = key["kid"] as? String else {
                throw Refusal(reason: "key \(index) has no `kid`")
            }
            if key["kty"] as? String == "oct" {
                secrets[kid] = try Self.secret(key, index, secretByteCountMin)
            } else {
                pairs.append(try Self.pair(key, index))
            }
        }
        self.secrets = secrets
        self.pairs = pairs.isEmpty ? nil : JWKS(keys: pairs)
    }

    private static func secret(
        _ key: [String: Any], _ index: Int, _ byteCountMin: Int
    ) throws(Refusal) -> Data {
        let algorithm = key["alg"] as? String ?? "HS256"
        guard algorithm == "HS256" else {
            throw Refusal(reason: "key \(index) is for `\(algorithm)`, expected HS256")
        }
        guard let text = key["k"] as? String, let secret = Data(base64URL: text) else {
            throw Refusal(reason: "key \(index) has no `k` in base64url")
        }
        guard secret.count >= byteCountMin else {
            throw Refusal(
                reason: "key \(index) has \(secret.count) bytes, must have \(byteCountMin) or more")
        }
        return secret
    }

    private static func pair(_ key: [String: Any], _ index: Int) throws(Refusal) -> JWK {
        guard let data = try? JSONSerialization.data(withJSONObject: key),
            var pair = try? JSONDecoder().decode(JWK.self, from: data)
        else { throw Refusal(reason: "key \(index) is no RSA, EC, OKP or oct key") }
        if pair.algorithm == nil {
            switch pair.keyType {
            case .rsa: pair.algorithm = .rs256
            case .ecdsa: pair.algorithm = .es256
            default: throw Refusal(reason: "key \(index) has no `alg`")
            }
        }
        return pair
    }
}

extension Data {
    /// Without padding (RFC 7515, section 2).
    fileprivate init?(base64URL text: String) {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let plain = text.replacing("-", with: "+").replacing("_", with: "/")
        self.init(base64Encoded: plain + padding)
    }
}
