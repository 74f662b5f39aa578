import ApusProto
import GRPCCore
import GRPCNIOTransportHTTP2
import NIOCore
import NIOPosix
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The gRPC door.
///
/// One event loop carries the bytes and decodes and encodes messages (`EventLoopExecutor`);
/// `Operations` runs searches and blocking work on the engine's own threads.
struct GRPCFront: Service {
    /// One loop for the process's lifetime: the last tasks of a call may come after the server's
    /// end, and have to find it running.
    private static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    let operations: Operations
    let authorizer: Authorizer
    let metrics: RequestMetrics
    let host: String
    /// 0: any free port.
    let port: Int
    /// Bytes of one request at most; the library ends the stream of a larger one, which clients
    /// see as CANCELLED.
    var messageBytesMax = 512 << 20
    /// Called once, with the bound port.
    let onListening: @Sendable (Int) async -> Void

    /// Serves until a graceful shutdown or cancellation. On a graceful shutdown open calls may
    /// end. Throws `ServerError.cannotListen`.
    func run() async throws {
        let transport = HTTP2ServerTransport.Posix(
            address: try resolvedAddress(), transportSecurity: .plaintext, config: transportConfig,
            eventLoopGroup: Self.loops)
        let server = GRPCServer(
            transport: transport,
            services: [
                VersionService(), HealthService(), CollectionsService(operations: operations),
                PointsService(operations: operations), SnapshotsService(operations: operations),
            ],
            interceptorPipeline: interceptors)
        try await withGracefulShutdownHandler {
            try await withTaskExecutorPreference(EventLoopExecutor(Self.loops.next())) {
                try await serve(server, transport)
            }
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }

    private func serve(
        _ server: GRPCServer<HTTP2ServerTransport.Posix>, _ transport: HTTP2ServerTransport.Posix
    ) async throws {
        // Not a child task: when the address cannot be bound, the library never answers this
        // question, and a group would wait for it.
        let announcement = Task {
            guard let address = try? await transport.listeningAddress else { return }
            await onListening(address.ipv4?.port ?? address.ipv6?.port ?? port)
        }
        defer { announcement.cancel() }
        do {
            try await server.serve()
        } catch let error as RuntimeError {
            throw cannotListen(error)
        }
    }

    private var transportConfig: HTTP2ServerTransport.Posix.Config {
        .defaults {
            $0.rpc.maxRequestPayloadSize = messageBytesMax
            // The default of 64 KiB makes a large batch wait for a round trip per window.
            $0.http2.targetWindowSize = 4 << 20
            $0.compression.enabledAlgorithms = [.gzip, .deflate]
            // Clients of this interface ping as they like, idle or not.
            $0.connection.keepalive.clientBehavior = .init(
                minPingIntervalWithoutCalls: .seconds(5), allowWithoutCalls: true)
        }
    }

    /// Version and health are open; they tell nothing of the data.
    private var interceptors: [ConditionalInterceptor<any ServerInterceptor>] {
        var interceptors: [ConditionalInterceptor<any ServerInterceptor>] = [
            .apply(MetricsInterceptor(metrics: metrics), to: .all)
        ]
        if authorizer.requiresKey {
            interceptors.append(
                .apply(
                    KeyInterceptor(authorizer: authorizer),
                    to: .services([
                        Qdrant_Collections.descriptor, Qdrant_Points.descriptor,
                        Qdrant_Snapshots.descriptor,
                    ])))
        }
        interceptors.append(
            .apply(ReadingInterceptor(), to: .services([Qdrant_Points.descriptor])))
        return interceptors
    }

    private func resolvedAddress() throws -> GRPCNIOTransportHTTP2.SocketAddress {
        do {
            let address = try NIOCore.SocketAddress.makeAddressResolvingHost(host, port: port)
            let ip = address.ipAddress ?? host
            return ip.contains(":") ? .ipv6(host: ip, port: port) : .ipv4(host: ip, port: port)
        } catch {
            throw ServerError.cannotListen(
                door: "grpc", host: host, port: port, reason: "\(error)")
        }
    }

    private func cannotListen(_ error: RuntimeError) -> ServerError {
        let cause = (error.cause as? RuntimeError)?.cause ?? error.cause
        let inUse = (cause as? IOError)?.errnoCode == EADDRINUSE
        return .cannotListen(
            door: "grpc", host: host, port: port, reason: inUse ? nil : "\(cause ?? error)")
    }
}
