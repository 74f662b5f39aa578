internal import ApusPipeline
private import Foundation
private import GRPCCore
private import GRPCNIOTransportHTTP2
private import GRPCProtobuf
internal import SwiftProtobuf

/// Calls of the Open Inference Protocol v2 over gRPC, with their failures told apart by what is to be
/// done about them.
///
/// The connection is made with the first call and kept; a task of its own runs it until the client is
/// let go of, which ends the task.
final class InferenceClient: Sendable {
    private let client: GRPCClient<HTTP2ClientTransport.Posix>
    private let metadata: Metadata
    private let options: CallOptions
    private let address: String

    /// An answer of more bytes is an error.
    private static let answerBytesMax = 256 << 20

    static func serves(_ url: String) -> Bool {
        url.hasPrefix("grpc://") || url.hasPrefix("grpcs://")
    }

    /// The address is like `grpc://HOST:PORT`; `grpcs` is over TLS.
    init(_ settings: EmbeddingService.Settings) throws(StageError) {
        address = settings.url
        guard Self.serves(address), let url = URL(string: address), let host = url.host(),
            !host.isEmpty, let port = url.port, url.path().isEmpty || url.path() == "/"
        else {
            throw StageError(
                .fatal, stage: "embed",
                "the address must be grpc://HOST:PORT or grpcs://HOST:PORT, and is '\(address)'")
        }
        do {
            client = GRPCClient(
                transport: try .http2NIOPosix(
                    target: .dns(host: host, port: port),
                    transportSecurity: url.scheme == "grpcs" ? .tls : .plaintext))
        } catch {
            throw StageError(.fatal, stage: "embed", "\(address): \(error)")
        }
        var metadata: Metadata = [:]
        if let key = settings.key {
            metadata.addString("Bearer \(try key.value())", forKey: "authorization")
        }
        self.metadata = metadata
        var options = CallOptions.defaults
        options.timeout = settings.timeout
        options.maxRequestMessageBytes = Self.answerBytesMax
        options.maxResponseMessageBytes = Self.answerBytesMax
        self.options = options
        // Ends when `deinit` says so: the task holds the gRPC client, not this one.
        Task { [client] in try await client.runConnections() }
    }

    deinit { client.beginGracefulShutdown() }

    func call<Request: Message, Reply: Message>(
        _ method: String, _ request: Request
    ) async throws(StageError) -> Reply {
        do {
            return try await client.unary(
                request: ClientRequest(message: request, metadata: metadata),
                descriptor: MethodDescriptor(
                    fullyQualifiedService: "inference.GRPCInferenceService", method: method),
                serializer: ProtobufSerializer<Request>(),
                deserializer: ProtobufDeserializer<Reply>(), options: options
            ) { try $0.message }
        } catch let error as RPCError {
            throw failure(method, error)
        } catch {
            throw StageError(.transient(after: nil), stage: "embed", "\(place(method)): \(error)")
        }
    }

    /// The error of an answer that is not one of the protocol.
    func unusable(_ method: String, _ what: String) -> StageError {
        StageError(
            .transient(after: nil), stage: "embed",
            "\(place(method)) gave no answer of the protocol: \(what)")
    }

    func place(_ method: String) -> String { "\(address) \(method)" }

    private func failure(_ method: String, _ error: RPCError) -> StageError {
        let kind: StageError.Kind
        switch error.code {
        // Python's servers answer INTERNAL or UNKNOWN where a model throws.
        case .unavailable, .resourceExhausted, .deadlineExceeded, .aborted, .internalError,
            .unknown, .dataLoss, .cancelled:
            let pushback = error.metadata[stringValues: "grpc-retry-pushback-ms"]
                .compactMap { Int64($0) }.first { $0 >= 0 }
            kind = .transient(after: pushback.map { .milliseconds($0) })
        case .invalidArgument, .outOfRange: kind = .refused
        default: kind = .fatal
        }
        return StageError(
            kind, stage: "embed", "\(place(method)) answered \(error.code): \(error.message)")
    }
}
