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
    func reading<Request: Message, Reply: Message>(
        _ name: String, _ body: @escaping @Sendable (Request) async throws -> Reply
    ) -> RPCMethod { reading(name, timeout: { _ in nil }, body) }

    /// The same for a request that may say how long it may take.
    func reading<Request: Message & TimedRequest, Reply: Message>(
        _ name: String, _ body: @escaping @Sendable (Request) async throws -> Reply
    ) -> RPCMethod { reading(name, timeout: { $0.timeoutSeconds }, body) }

    private func reading<Request: Message, Reply: Message>(
        _ name: String, timeout: @escaping @Sendable (Request) -> Int?,
        _ body: @escaping @Sendable (Request) async throws -> Reply
    ) -> RPCMethod {
        .unary(service, name) { bytes, call in
            let request = try Request(decoding: bytes)
            let seconds = timeout(request)
            let reading = try CallReading(timeoutSeconds: seconds, header: call.metadata.first)
            let reply = try await CallReading.$current.withValue(reading) {
                try await Interruption.within(seconds: seconds) { try await body(request) }
            }
            var metadata = RPCMetadata()
            for (name, value) in reading.answerHeaders { metadata.add(value, for: name) }
            return RPCReply(try FramedMessage(reply), metadata: metadata)
        }
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
    fileprivate init(decoding bytes: ByteBuffer) throws(RPCError) {
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
