internal import ApusPipeline
private import Foundation

/// Where a Redis server is, and who asks.
package struct RedisServer: Sendable {
    private let host: String
    private let port: Int
    private let database: Int
    private let user: String?
    private let password: String?

    /// `url` like `redis://HOST:PORT/DATABASE`; nil: it is none.
    package init?(url text: String, user: String?, password: String?) {
        guard let url = URL(string: text), url.scheme == "redis", let host = url.host(),
            !host.isEmpty, url.user() == nil, url.password() == nil
        else { return nil }
        let path = url.path().drop { $0 == "/" }
        guard let database = path.isEmpty ? 0 : Int(path), (0...65_535).contains(database) else {
            return nil
        }
        self.host = host
        port = url.port ?? 6379
        self.database = database
        self.user = user
        self.password = password
    }

    var address: String { "\(host):\(port)/\(database)" }

    /// Does work on a thread and a connection of its own.
    func connected<Value: Sendable>(
        _ body: @escaping @Sendable (RedisConnection) throws -> Value
    ) async throws -> Value {
        let (host, port, database, user, password) = (host, port, database, user, password)
        let thread = BlockingThread<RedisConnection>(name: "redis")
        do {
            let value = try await thread.run(making: {
                try RedisConnection(
                    host: host, port: port, user: user, password: password, database: database,
                    stage: "source")
            }) { try body($0) }
            await thread.close()
            return value
        } catch {
            await thread.close()
            throw error
        }
    }

    func unusable(_ what: String) -> StageError {
        StageError(.fatal, stage: "source", "Redis at \(address): \(what)")
    }
}
