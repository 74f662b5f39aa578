import ApusCore
import ApusRPC
import ApusWire
import NIOCore
import SwiftProtobuf

/// Makes methods of a gRPC service out of functions on its messages.
struct ServiceMethods {
    /// With its package, as in the .proto file.
    let service: String

    /// A function from one message to one.
    func unary<Request: Message, Reply: Message>(
        _ name: String, _ body: @escaping @Sendable (Request) async throws -> Reply
    ) -> RPCMethod {
        .unary(service, name) { bytes, _ in
            RPCReply(try FramedMessage(try await body(Request(decoding: bytes))))
        }
    }

    /// The same for a service that reads points: a call may say in its headers how, and the
    /// headers of the answer say how it was (`CallReading`).
    func reading<Request: Message & ReadingRequest, Reply: Message>(
        _ name: String, _ body: @escaping @Sendable (Request) async throws -> Reply
    ) -> RPCMethod {
        .unary(service, name) { bytes, call in
            let request = try Request(decoding: bytes)
            let reading = try ReadingCall(call, seconds: request.timeoutSeconds)
            let message = try await reading.within { try FramedMessage(try await body(request)) }
            return reading.reply(message)
        }
    }

    /// A method that is one read, made of its message: carried out at once where that can be.
    func read<Request: Message & ReadingRequest, Reply: Message>(
        _ name: String, _ reads: ImmediateReads,
        _ read: @escaping @Sendable (Request) throws -> Read<Reply>
    ) -> RPCMethod {
        self.read(name, reads) { bytes in
            let request = try Request(decoding: bytes)
            return (try read(request).map { try FramedMessage($0) }, request.timeoutSeconds)
        }
    }

    /// The same for messages that are not SwiftProtobuf's to read and write: `decode` gives the read,
    /// and how many seconds it may take.
    func read(
        _ name: String, _ reads: ImmediateReads,
        decoding decode:
            @escaping @Sendable (ByteBuffer) throws -> (Read<FramedMessage>, seconds: Int?)
    ) -> RPCMethod {
        .callback(service, name) { bytes, call in
            let isTaken = reads.take(call) { start in
                let (read, seconds) = try decode(bytes)
                let reading = try ReadingCall(call, seconds: seconds)
                return reading.reply(
                    try reading.within(since: start) {
                        try reads.operations.readAtOnce(read, since: start)
                    })
            }
            guard !isTaken else { return }
            call.run {
                let (read, seconds) = try decode(bytes)
                let reading = try ReadingCall(call, seconds: seconds)
                return .reply(
                    reading.reply(
                        try await reading.within { try await reads.operations.read(read) }))
            }
        }
    }
}

/// How a call reads: what its headers say, and its message of the time that it may take.
private struct ReadingCall {
    private let reading: CallReading
    private let seconds: Int?

    init(_ call: RPCCall, seconds: Int?) throws(DatabaseError) {
        reading = try CallReading(timeoutSeconds: seconds, header: call.metadata.first)
        self.seconds = seconds
    }

    /// What `body` gives within the time of a call that began at `start`.
    func within<Value>(
        since start: ContinuousClock.Instant, _ body: () throws -> Value
    ) throws -> Value {
        try CallReading.$current.withValue(reading) {
            try Interruption.within(seconds: seconds, since: start, body)
        }
    }

    /// The same for one that waits.
    func within<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await CallReading.$current.withValue(reading) {
            try await Interruption.within(seconds: seconds, body)
        }
    }

    /// The answer, whose headers say how it was read.
    func reply(_ message: FramedMessage) -> RPCReply {
        var metadata = RPCMetadata()
        for (name, value) in reading.answerHeaders { metadata.add(value, for: name) }
        return RPCReply(message, metadata: metadata)
    }
}

extension ServiceMethods {
    /// A function on any number of messages in and out.
    func streaming<Request: Message, Reply: Message>(
        _ name: String,
        _ body:
            @escaping @Sendable (IncomingMessages<Request>, OutgoingMessages<Reply>) async throws
            -> Void
    ) -> RPCMethod {
        .streaming(service, name) { requests, writer, _ in
            try await body(IncomingMessages(requests), OutgoingMessages(writer: writer))
            return RPCMetadata()
        }
    }
}

/// What a client streams, for one reader.
struct IncomingMessages<Request: Message>: Sendable {
    private let requests: RPCRequests

    fileprivate init(_ requests: RPCRequests) { self.requests = requests }

    /// The next message; nil after the last.
    func next() async throws -> Request? {
        var iterator = requests.makeAsyncIterator()
        return try await iterator.next().map { try Request(decoding: $0) }
    }
}

/// What is streamed to a client, by one writer.
struct OutgoingMessages<Reply: Message>: Sendable {
    fileprivate let writer: RPCWriter

    /// Returns once more may be written.
    func write(_ message: Reply) async throws { try await writer.write(FramedMessage(message)) }
}

extension Message {
    /// Throws `invalidArgument` for bytes that are no such message.
    init(decoding bytes: ByteBuffer) throws(RPCError) {
        do {
            try self.init(serializedBytes: bytes.readableBytesSpan)
        } catch {
            throw RPCError(.invalidArgument, "the request is no \(Self.protoMessageName): \(error)")
        }
    }
}

extension FramedMessage {
    fileprivate init(_ message: some Message) throws {
        let bytes: ProtobufBytes = try message.serializedBytes()
        self = bytes.message
    }
}
