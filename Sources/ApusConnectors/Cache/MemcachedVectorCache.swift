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
        return try await exchange(request, count: keys.count) { reader in
            try reader.value(unless: "END")
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
        _ = try await exchange(request, count: values.count) { reader -> Bool? in
            guard let line = reader.line() else { return nil }
            guard line == "STORED" else { throw refusal(line) }
            return true
        }
    }

    private func refusal(_ line: String) -> StageError {
        StageError(.transient(after: nil), stage: "cache", "\(name) answered \(line.prefix(200))")
    }

    /// Sends a request and reads `count` answers; `read` gives nil where one is not whole yet.
    private func exchange<Answer: Sendable>(
        _ request: [UInt8], count: Int,
        _ read: @escaping @Sendable (inout AnswerReader) throws -> Answer?
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
        _ read: @Sendable (inout AnswerReader) throws -> Answer?
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
            var reader = AnswerReader(name: name)
            var answers: [Answer] = []
            for try await piece in inbound {
                try reader.append(piece.readableBytesView, most: Self.answerBytesMax)
                while answers.count < count, let answer = try read(&reader) {
                    answers.append(answer)
                }
                if answers.count == count { return answers }
            }
            throw StageError(
                .transient(after: nil), stage: "cache", "\(name) closed the connection")
        }
    }
}

/// Answers as they come in.
private struct AnswerReader {
    let name: String
    private var bytes: [UInt8] = []
    private var position = 0

    init(name: String) { self.name = name }

    mutating func append(_ piece: some Collection<UInt8>, most: Int) throws {
        bytes.removeFirst(position)
        position = 0
        guard bytes.count + piece.count <= most else {
            throw StageError(
                .transient(after: nil), stage: "cache", "\(name) answered more than \(most) bytes")
        }
        bytes += piece
    }

    /// The next line without its end; nil: it is not whole yet.
    mutating func line() -> String? {
        guard let end = bytes[position...].firstIndex(of: 0x0a) else { return nil }
        defer { position = end + 1 }
        var line = bytes[position..<end]
        if line.last == 0x0d { line.removeLast() }
        return String(decoding: line, as: UTF8.self)
    }

    /// `VALUE key flags count`, the bytes and `end`, or `end` alone: then there is no value. The
    /// outer nil: not whole yet.
    mutating func value(unless end: String) throws -> [UInt8]?? {
        let start = position
        guard let head = line() else { return nil }
        if head == end { return .some(nil) }
        let words = head.split(separator: " ")
        guard words.count == 4, words[0] == "VALUE", let count = Int(words[3]), count >= 0,
            count <= 1 << 30
        else {
            throw StageError(
                .transient(after: nil), stage: "cache", "\(name) answered \(head.prefix(200))")
        }
        guard bytes.count - position >= count + 2 else {
            position = start
            return nil
        }
        let value = Array(bytes[position..<(position + count)])
        position += count + 2
        guard let last = line() else {
            position = start
            return nil
        }
        guard last == end else {
            throw StageError(
                .transient(after: nil), stage: "cache", "\(name) answered \(last.prefix(200))")
        }
        return .some(value)
    }
}
