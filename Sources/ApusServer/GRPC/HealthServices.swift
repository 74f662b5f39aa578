import ApusProto
import GRPCCore

/// Tells who answers. Open without a key.
struct VersionService: Qdrant_Qdrant.SimpleServiceProtocol {
    func healthCheck(
        request: Qdrant_HealthCheckRequest, context: ServerContext
    ) async throws -> Qdrant_HealthCheckReply {
        .with {
            $0.title = ServerVersion.current.title
            $0.version = ServerVersion.current.interface
        }
    }
}

/// The health protocol of gRPC; while the server answers at all, it serves. Open without a key.
struct HealthService: Grpc_Health_V1_Health.SimpleServiceProtocol {
    func check(
        request: Grpc_Health_V1_HealthCheckRequest, context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthCheckResponse {
        .with { $0.status = .serving }
    }
}
