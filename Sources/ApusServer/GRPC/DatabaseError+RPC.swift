package import ApusCore
package import ApusRPC
import ApusWire

/// The transport turns these into the status of the call.
extension DatabaseError: RPCErrorConvertible {
    package var rpcError: RPCError {
        RPCError(
            RPCStatusCode(rawValue: ErrorStatus(kind).grpc.rawValue) ?? .unknown, message)
    }
}

extension DatabaseError {
    /// A method of the interface that this server does not offer.
    static func notOffered(_ method: String) -> DatabaseError {
        DatabaseError(.unimplemented, "\(method) is not supported by this server")
    }
}
