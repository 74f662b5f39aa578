import ApusCore
package import ApusRPC
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
/// One event loop carries the bytes and decodes and encodes messages (`ApusRPC`); `Operations` runs
/// searches and blocking work on the engine's own threads.
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
    let connectionsMax: Int
    /// Bytes of one request at most: a large batch of points with their payloads.
    var requestBytesMax = 512 << 20
    /// Called once, with the bound port.
    let onListening: @Sendable (Int) async -> Void

    /// Serves until a graceful shutdown or cancellation. On a graceful shutdown open calls may
    /// end. Throws `ServerError.cannotListen`.
    func run() async throws {
        let server = try await start()
        await onListening(server.port)
        try await withTaskCancellationHandler {
            try? await gracefulShutdown()
            await server.drain()
            try Task.checkCancellation()
        } onCancel: {
            server.abort()
        }
    }

    private func start() async throws -> RPCServer {
        var configuration = RPCServerConfiguration(host: host, port: port)
        configuration.requestBytesMax = requestBytesMax
        configuration.connectionsMax = connectionsMax
        do {
            return try await RPCServer.start(
                configuration, methods: GRPCMethods.table(operations), hooks: hooks, on: Self.loops)
        } catch let error as IOError {
            throw ServerError.cannotListen(
                door: "grpc", host: host, port: port,
                reason: error.errnoCode == EADDRINUSE ? nil : "\(error)")
        } catch {
            throw ServerError.cannotListen(
                door: "grpc", host: host, port: port, reason: "\(error)")
        }
    }

    /// Calls without the key are refused before their message is read; every call is counted by
    /// its method and the number of its status.
    private var hooks: RPCHooks {
        var hooks = RPCHooks()
        hooks.finished = { [metrics] call, code in
            metrics.record(
                RequestMetrics.Key(
                    door: "grpc", route: call.method.service, method: call.method.name,
                    status: code.rawValue),
                duration: .nanoseconds((NIODeadline.now() - call.start).nanoseconds))
        }
        guard authorizer.requiresKey else { return hooks }
        hooks.admit = { [authorizer] call throws(RPCError) in
            guard !GRPCMethods.openServices.contains(call.method.service) else { return }
            do throws(DatabaseError) {
                try authorizer.authorize(
                    apiKey: call.metadata.first("api-key"),
                    authorization: call.metadata.first("authorization"))
            } catch {
                throw error.rpcError
            }
        }
        return hooks
    }
}

/// Everything that the gRPC door answers.
package enum GRPCMethods {
    /// Version and health need no key; they tell nothing of the data.
    static let openServices = [VersionService.name, HealthService.name]

    package static func table(_ operations: Operations) -> RPCMethodTable {
        RPCMethodTable(
            VersionService().methods + HealthService().methods
                + CollectionsService(operations: operations).methods
                + PointsService(operations: operations).methods
                + SnapshotsService(operations: operations).methods)
    }
}
