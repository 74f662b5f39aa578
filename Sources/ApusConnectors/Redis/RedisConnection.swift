internal import ApusPipeline
private import CRedis
private import Foundation

/// A connection to a Redis server, for one thread.
@safe
final class RedisConnection {
    indirect enum Reply: Sendable {
        case text([UInt8])
        case integer(Int64)
        case list([Reply])
        case null

        var string: String? {
            if case .text(let bytes) = self {
                String(validating: bytes, as: UTF8.self)
            } else {
                nil
            }
        }

        var elements: [Reply] { if case .list(let elements) = self { elements } else { [] } }

        var integer: Int64? {
            if case .integer(let number) = self { number } else { string.flatMap { Int64($0) } }
        }

        /// A list of names and values; of a name that comes twice the first one.
        var members: [String: Reply] {
            let elements = elements
            var members: [String: Reply] = [:]
            for index in stride(from: 0, to: elements.count - 1, by: 2) {
                guard let name = elements[index].string, members[name] == nil else { continue }
                members[name] = elements[index + 1]
            }
            return members
        }
    }

    private let context: UnsafeMutablePointer<redisContext>
    private let stage: String

    /// `patience` is how long the server may take to answer; without it a minute, and ten seconds
    /// to connect.
    init(
        host: String, port: Int, user: String? = nil, password: String?, database: Int = 0,
        stage: String, patience: Duration? = nil
    ) throws(StageError) {
        self.stage = stage
        func time(_ usual: Int64) -> timeval {
            timeval(tv_sec: Int(patience?.components.seconds ?? usual), tv_usec: 0)
        }
        guard let context = unsafe redisConnectWithTimeout(host, Int32(port), time(10)) else {
            throw StageError(.transient(after: nil), stage: stage, "no memory for a connection")
        }
        unsafe self.context = context
        // From here on everything is set, so that throwing ends in `deinit`, which frees it.
        guard unsafe context.pointee.err == 0 else {
            throw StageError(
                .transient(after: nil), stage: stage,
                "\(host):\(port): \(unsafe Self.error(context))")
        }
        unsafe redisSetTimeout(context, time(60))
        if let password { _ = try call(["AUTH"] + (user.map { [$0] } ?? []) + [password]) }
        if database != 0 { _ = try call(["SELECT", String(database)]) }
    }

    deinit { unsafe redisFree(context) }

    private static func error(_ context: UnsafeMutablePointer<redisContext>) -> String {
        unsafe withUnsafeBytes(of: &context.pointee.errstr) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// The answer to one command.
    func call(_ words: [String]) throws(StageError) -> Reply {
        try send(words.map { Array($0.utf8) })
        return try receive()
    }

    /// The answers to several commands, sent together.
    func call(all commands: [[String]]) throws(StageError) -> [Reply] {
        try call(allBytes: commands.map { $0.map { Array($0.utf8) } })
    }

    /// The answers to several commands with words of any bytes, sent together.
    func call(allBytes commands: [[[UInt8]]]) throws(StageError) -> [Reply] {
        for words in commands { try send(words) }
        var replies: [Reply] = []
        for _ in commands { replies.append(try receive()) }
        return replies
    }

    private func send(_ words: [[UInt8]]) throws(StageError) {
        var command: [UInt8] = Array("*\(words.count)\r\n".utf8)
        for word in words {
            command += Array("$\(word.count)\r\n".utf8) + word + [0x0d, 0x0a]
        }
        let status = unsafe command.withUnsafeBytes { bytes in
            unsafe redisAppendFormattedCommand(
                context, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard status == REDIS_OK else { throw lost() }
    }

    private func receive() throws(StageError) -> Reply {
        var answer: UnsafeMutableRawPointer?
        guard unsafe redisGetReply(context, &answer) == REDIS_OK, let answer = unsafe answer else {
            throw lost()
        }
        defer { unsafe freeReplyObject(answer) }
        return try unsafe reply(answer.assumingMemoryBound(to: redisReply.self))
    }

    private func lost() -> StageError {
        StageError(.transient(after: nil), stage: stage, unsafe Self.error(context))
    }

    private func reply(_ pointer: UnsafeMutablePointer<redisReply>) throws(StageError) -> Reply {
        let reply = unsafe pointer.pointee
        switch unsafe reply.type {
        case REDIS_REPLY_INTEGER: return .integer(unsafe Int64(reply.integer))
        case REDIS_REPLY_NIL: return .null
        case REDIS_REPLY_ARRAY:
            var elements: [Reply] = []
            for index in 0..<Int(unsafe reply.elements) {
                guard let element = unsafe reply.element[index] else { continue }
                elements.append(try unsafe self.reply(element))
            }
            return .list(elements)
        default:
            let bytes = unsafe Array(UnsafeRawBufferPointer(start: reply.str, count: reply.len))
            guard unsafe reply.type != REDIS_REPLY_ERROR else {
                throw refusal(String(decoding: bytes, as: UTF8.self))
            }
            return .text(bytes)
        }
    }

    private func refusal(_ text: String) -> StageError {
        let mayPass = ["LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN"]
            .contains { text.hasPrefix($0) }
        return StageError(mayPass ? .transient(after: nil) : .fatal, stage: stage, text)
    }
}
