internal import ApusPipeline
private import Foundation
private import NIOCore
private import NIOPosix

/// Vectors in a memcached server, by its text protocol: a connection for each batch.
struct MemcachedVectorCache: VectorCache {
    let name: String
    private let address: CacheDeclaration.Address
    /// Seconds that a value is kept; nil: for ever.
    private let keepSeconds: Int?

    /// Longer numbers of seconds are times since 1970 to memcached.
    private static let relativeSecondsMax = 30 * 86_400
    private static let answerBytesMax = 64 << 20

    init(_ address: CacheDeclaration.Address, keepSeconds: Int?) {
        name = "memcached at \(address.host):\(address.port)"
        self.address = address
        self.keepSeconds = keepSeconds
    }

    func values(of keys: [String]) async throws -> [[UInt8]?] {
        let request = keys.flatMap { Array("get \($0)\r\n".utf8) }
        return try await exchange(request, count: keys.count) { answers, number in
            try answers.value(of: keys[number])
        }
    }

    func keep(_ values: [(key: String, value: [UInt8])]) async throws {
        var expiry = keepSeconds ?? 0
        if expiry > Self.relativeSecondsMax { expiry += Int(Date().timeIntervalSince1970) }
        var request: [UInt8] = []
        for (key, value) in values {
            request += Array("set \(key) 0 \(expiry) \(value.count)\r\n".utf8) + value
            request += Array("\r\n".utf8)
        }
        _ = try await exchange(request, count: values.count) { answers, _ in
            try answers.stored() ? true : nil
        }
    }

    /// Sends a request and reads `count` answers; `read` gives nil where the one with that number is
    /// not whole yet.
    private func exchange<Answer: Sendable>(
        _ request: [UInt8], count: Int,
        _ read: @escaping @Sendable (inout MemcachedAnswers, Int) throws -> Answer?
    ) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: [Answer].self) { group in
            group.addTask { try await converse(request, count: count, read) }
            group.addTask {
                try await Task.sleep(for: CacheDeclaration.patience)
                throw StageError(
                    .transient(after: nil), stage: "cache",
                    "\(name) gave no answer within \(CacheDeclaration.patience)")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }

    private func converse<Answer: Sendable>(
        _ request: [UInt8], count: Int,
        _ read: @Sendable (inout MemcachedAnswers, Int) throws -> Answer?
    ) async throws -> [Answer] {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: request))
            var reader = MemcachedAnswers(from: name, bytesMax: Self.answerBytesMax)
            var answers: [Answer] = []
            for try await piece in inbound {
                try reader.append(piece.readableBytesView)
                while answers.count < count, let answer = try read(&reader, answers.count) {
                    answers.append(answer)
                }
                if answers.count == count { return answers }
            }
            throw StageError(
                .transient(after: nil), stage: "cache", "\(name) closed the connection")
        }
    }
}
