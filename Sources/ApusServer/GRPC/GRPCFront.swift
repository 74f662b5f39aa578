import ApusCore
package import ApusRPC
import ApusText
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
/// One event loop carries the bytes (`ApusRPC`). Most calls that read are one job of a search thread,
/// from decoding to encoding (`ImmediateReads`); others are tasks on the loop, whose blocking work
/// `Operations` runs on the engine's own threads.
struct GRPCFront: Service {
    /// One loop for the process's lifetime: the last tasks of a call may come after the server's
    /// end, and have to find it running.
    private static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    let operations: Operations
    let gate: CallGate
    /// nil: plain text.
    let tls: TLSIdentity?
    let metrics: RequestMetrics
    let host: String
    /// 0: any free port.
    let port: Int
    let connectionsMax: Int
    /// Bytes of one request at most: a large batch of points with their payloads.
    let requestBytesMax: Int
    /// Called once, with the bound port.
    let onListening: @Sendable (Int) async -> Void

    /// Serves until a graceful shutdown or cancellation. On a graceful shutdown open calls may
    /// end. Throws `ServerError.cannotListen`.
    func run() async throws {
        let server = try await start()
        await onListening(server.port)
        try await withTaskCancellationHandler {
            try? await gracefulShutdown()
            operations.drain.begin()
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
        if let tls { configuration.tls = { tls.grpc } }
        do {
            return try await RPCServer.start(
                configuration, methods: GRPCMethods.table(operations, gate), hooks: hooks,
                on: Self.loops)
        } catch let error as IOError {
            throw ServerError.cannotListen(
                door: "grpc", host: host, port: port,
                reason: error.errnoCode == EADDRINUSE ? nil : "\(error)")
        } catch {
            throw ServerError.cannotListen(
                door: "grpc", host: host, port: port, reason: "\(error)")
        }
    }

    /// Calls that show no key or a wrong one are refused before their message is read; every call
    /// is counted by its method and the number of its status.
    private var hooks: RPCHooks {
        var hooks = RPCHooks()
        hooks.finished = { [metrics] call, code in
            metrics.record(
                RequestMetrics.Key(
                    door: "grpc", route: call.method.service, method: call.method.name,
                    status: code.rawValue),
                duration: .nanoseconds((NIODeadline.now() - call.start).nanoseconds))
        }
        hooks.around = { [gate] call, body in
            let context = try await gate.begin(CallHead(call))
            do {
                let ending = try await CallContext.$current.withValue(context) {
                    try await InferredVectors.$current.withValue(InferredVectors()) {
                        guard let deadline = call.deadline else { return try await body() }
                        let left = Duration.nanoseconds((deadline - .now()).nanoseconds)
                        return try await Interruption.within(left, body)
                    }
                }
                gate.end(context, nil)
                return ending
            } catch {
                let error = RPCError(thrown: error)
                gate.end(context, error)
                throw error
            }
        }
        guard gate.authenticator.isNeeded else { return hooks }
        hooks.admit = { [gate] call throws(RPCError) in
            let head = CallHead(call)
            guard !head.isOpen else { return }
            do throws(DatabaseError) {
                _ = try gate.authenticator.authenticateAtOnce(head.header)
            } catch {
                gate.refused(head, error)
                throw error.rpcError
            }
        }
        return hooks
    }
}

extension CallGate {
    func end(_ context: CallContext, _ error: RPCError?) {
        end(context, status: error?.code.rawValue ?? 0, failure: error.map { "\($0.code)" })
    }
}

extension CallHead {
    init(_ call: RPCCall) {
        self.init(
            door: .grpc, method: call.method.fullName, peer: call.peer,
            isOpen: GRPCMethods.openServices.contains(call.method.service),
            header: { call.metadata.first($0) })
    }
}

/// Everything that the gRPC door answers.
package enum GRPCMethods {
    /// Version and health need no key; they tell nothing of the data.
    static let openServices = [VersionService.name, HealthService.name]

    package static func table(_ operations: Operations, _ gate: CallGate) -> RPCMethodTable {
        let reads = ImmediateReads(operations: operations, gate: gate)
        let methods =
            VersionService().methods + HealthService().methods
            + CollectionsService(operations: operations).methods
            + PointsService(operations: operations, reads: reads).methods
            + SnapshotsService(operations: operations).methods
            + ApusService(operations: operations).methods
        return RPCMethodTable(methods + ReflectionService(besides: methods).methods)
    }
}
