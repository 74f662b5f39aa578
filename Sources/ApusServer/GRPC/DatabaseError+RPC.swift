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
