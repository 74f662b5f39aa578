internal import ApusPipeline

/// Vectors in a Redis server, as strings.
final class RedisVectorCache: VectorCache {
    let name: String
    private let connect: @Sendable () throws -> RedisConnection
    /// Seconds that a value is kept; nil: for ever.
    private let keepSeconds: Int?
    private let thread = BlockingThread<RedisConnection?>(name: "cache")

    init(_ address: CacheDeclaration.Address, password: String?, keepSeconds: Int?) {
        name = "Redis at \(address.host):\(address.port)"
        self.keepSeconds = keepSeconds
        connect = {
            try RedisConnection(
                host: address.host, port: address.port, password: password,
                database: address.database, stage: "cache", patience: CacheDeclaration.patience)
        }
    }

    func values(of keys: [String]) async throws -> [[UInt8]?] {
        try await run { connection in
            try connection.call(["MGET"] + keys).elements.map { reply in
                if case .text(let bytes) = reply { bytes } else { nil }
            }
        }
    }

    func keep(_ values: [(key: String, value: [UInt8])]) async throws {
        let expiry = keepSeconds.map { [Array("EX".utf8), Array(String($0).utf8)] } ?? []
        let commands = values.map { key, value in
            [Array("SET".utf8), Array(key.utf8), value] + expiry
        }
        try await run { connection in _ = try connection.call(allBytes: commands) }
    }

    /// A connection on which something failed is not used again.
    private func run<Value: Sendable>(
        _ body: @escaping @Sendable (RedisConnection) throws -> Value
    ) async throws -> Value {
        try await thread.run(making: { nil }) { [connect] state in
            do {
                let connection = try state ?? connect()
                state = connection
                return try body(connection)
            } catch {
                state = nil
                throw error
            }
        }
    }
}
