import ApusProto
import ApusRPC

/// Tells who answers. Open without a key.
struct VersionService {
    static let name = "qdrant.Qdrant"

    var methods: [RPCMethod] {
        [ServiceMethods(service: Self.name).unary("HealthCheck", healthCheck)]
    }

    private func healthCheck(_: Qdrant_HealthCheckRequest) -> Qdrant_HealthCheckReply {
        .with {
            $0.title = ServerVersion.current.title
            $0.version = ServerVersion.current.interface
        }
    }
}

/// The health protocol of gRPC; while the server answers at all, it serves. Open without a key.
struct HealthService {
    static let name = "grpc.health.v1.Health"

    var methods: [RPCMethod] { [ServiceMethods(service: Self.name).unary("Check", check)] }

    private func check(_: Grpc_Health_V1_HealthCheckRequest) -> Grpc_Health_V1_HealthCheckResponse {
        .with { $0.status = .serving }
    }
}
