package import ApusPipeline
private import Foundation

/// Where a pipeline keeps vectors of texts: `redis://HOST:PORT/DATABASE` or `memcached://HOST:PORT`.
package struct CacheDeclaration: Sendable {
    package enum Kind: Hashable, Sendable {
        case redis
        case memcached
    }

    package struct Address: Hashable, Sendable {
        package var host: String
        package var port: Int
        /// Of Redis.
        package var database = 0
    }

    /// How long a cache may take before the work goes on without it.
    static let patience = Duration.seconds(2)

    package let kind: Kind
    package let address: Address
    private let password: Reference?
    /// How long a vector is kept; nil: for ever.
    private let keep: Duration?

    init(_ declaration: Declaration) throws(DeclarationProblem) {
        var values: [String: Declaration] = ["url": declaration]
        if (try? declaration.text()) == nil {
            values = try declaration.members(["url", "password", "keep"])
        }
        let url = try values.required("url", of: declaration)
        (kind, address) = try Self.address(url)
        var password: Reference?
        if let value = values["password"] {
            guard kind == .redis else { throw value.problem("memcached has no passwords") }
            password = try Reference(secret: value)
        }
        self.password = password
        keep = try values["keep"].map { value throws(DeclarationProblem) in
            let keep = try value.duration()
            guard keep >= .seconds(1) else { throw value.problem("expected at least 1s") }
            return keep
        }
    }

    private static func address(
        _ declaration: Declaration
    ) throws(DeclarationProblem) -> (Kind, Address) {
        let text = try declaration.text()
        guard let url = URL(string: text), let host = url.host(), !host.isEmpty,
            url.user() == nil, url.password() == nil
        else {
            throw declaration.problem(
                "expected redis://HOST:PORT or memcached://HOST:PORT, found '\(text)'")
        }
        let path = url.path().drop { $0 == "/" }
        switch url.scheme {
        case "redis":
            guard let database = path.isEmpty ? 0 : Int(path), (0...65_535).contains(database)
            else { throw declaration.problem("'\(path)' is no number of a database") }
            return (.redis, Address(host: host, port: url.port ?? 6379, database: database))
        case "memcached" where path.isEmpty:
            return (.memcached, Address(host: host, port: url.port ?? 11_211))
        default:
            throw declaration.problem(
                "expected redis://HOST:PORT or memcached://HOST:PORT, found '\(text)'")
        }
    }

    package func cache() throws(StageError) -> any VectorCache {
        let seconds = keep.map { Int(clamping: $0.components.seconds) }
        return switch kind {
        case .redis:
            RedisVectorCache(address, password: try password?.value(), keepSeconds: seconds)
        case .memcached: MemcachedVectorCache(address, keepSeconds: seconds)
        }
    }

    package var explanation: String {
        let kept = keep.map { " for \($0)" } ?? ""
        let server = kind == .redis ? "Redis" : "memcached"
        return "vectors are kept in \(server) at \(address.host):\(address.port)\(kept)"
    }
}
