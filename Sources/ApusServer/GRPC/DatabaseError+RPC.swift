public import ApusCore
import ApusWire
public import GRPCCore

/// The library turns these into the status of the call.
extension DatabaseError: RPCErrorConvertible {
    public var rpcErrorCode: RPCError.Code {
        let number = ErrorStatus(kind).grpc.rawValue
        return Status.Code(rawValue: number).flatMap { RPCError.Code($0) } ?? .unknown
    }

    public var rpcErrorMessage: String { message }
}

extension DatabaseError {
    /// A method of the interface that this server does not offer.
    static func notOffered(_ method: String) -> DatabaseError {
        DatabaseError(.unimplemented, "\(method) is not supported by this server")
    }

    /// A method that moves or names shards.
    static func needsCluster(_ method: String) -> DatabaseError {
        DatabaseError(
            .unimplemented, "\(method) needs a cluster, and this server runs alone")
    }
}
