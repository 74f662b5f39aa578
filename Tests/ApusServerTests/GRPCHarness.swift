import Apus
import ApusRPC
import ApusServer
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import GRPCProtobuf
import NIOPosix
import SwiftProtobuf

/// The gRPC door over a database of its own, on a free port, and grpc-swift's client of it.
struct GRPCHarness {
    let client: GRPCClient<HTTP2ClientTransport.Posix>
    let server: RPCServer

    /// Serves and stays connected for as long as `body` runs. The client compresses what it sends
    /// with `compression`, and takes the same back.
    static func run(
        compression: CompressionAlgorithm = .none,
        limits: ServerConfiguration.Limits = ServerConfiguration.Limits(),
        _ body: (GRPCHarness) async throws -> Void
    ) async throws {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "apus-grpc-\(UUID().uuidString)").path
        let database = try Database.open(at: path)
        defer {
            try? database.close()
            try? FileManager.default.removeItem(atPath: path)
        }
        let server = try await RPCServer.start(
            RPCServerConfiguration(host: "127.0.0.1", port: 0),
            methods: GRPCMethods.table(
                Operations(database: database, admission: Admission(limits)), .open()),
            on: .singletonMultiThreadedEventLoopGroup)
        var configuration = HTTP2ClientTransport.Posix.Config.defaults
        configuration.compression = .init(algorithm: compression, enabledAlgorithms: [.gzip])
        let transport = try HTTP2ClientTransport.Posix(
            target: .ipv4(address: "127.0.0.1", port: server.port), transportSecurity: .plaintext,
            config: configuration)
        do {
            try await withGRPCClient(transport: transport) { client in
                try await body(GRPCHarness(client: client, server: server))
            }
        } catch {
            await server.close()
            throw error
        }
        await server.close()
    }

    /// One unary call.
    func call<Request: Message, Answer: Message>(
        _ service: String, _ method: String, _ request: Request, metadata: Metadata = [:],
        options: CallOptions = .defaults
    ) async throws -> (Answer, Metadata) {
        try await client.unary(
            request: ClientRequest(message: request, metadata: metadata),
            descriptor: MethodDescriptor(fullyQualifiedService: service, method: method),
            serializer: ProtobufSerializer<Request>(),
            deserializer: ProtobufDeserializer<Answer>(), options: options
        ) { response in (try response.message, response.metadata) }
    }
}
