internal import NIOCore
internal import NIOHPACK

/// The fields of a request's headers that the transport itself looks at.
struct RequestHead {
    var path = ""
    var timeout: TimeAmount?
    var encoding = MessageEncoding.identity
    var answerEncoding = MessageEncoding.identity

    /// Why a request is no call.
    enum Refusal: Error {
        /// Not gRPC at all: an HTTP status says so.
        case http(status: String)
        case rpc(RPCError)
        /// The client may try again with one of the encodings of the answer.
        case encoding(RPCError)
    }

    init(_ headers: HPACKHeaders) throws(Refusal) {
        var method = ""
        var contentType = ""
        var te = ""
        var acceptEncoding = ""
        var encodingName = ""
        var timeoutText: String?
        for (name, value, _) in headers {
            switch name {
            case ":method": method = value
            case ":path": path = value
            case "content-type": contentType = value
            case "te": te = value
            case "grpc-timeout": timeoutText = value
            case "grpc-encoding": encodingName = value
            case "grpc-accept-encoding":
                acceptEncoding = acceptEncoding.isEmpty ? value : acceptEncoding + "," + value
            default: break
            }
        }
        guard method == "POST" else { throw .http(status: "405") }
        guard Self.isGRPC(contentType) else { throw .http(status: "415") }
        guard te == "trailers" else {
            throw .rpc(RPCError(.invalidArgument, "the header `te` must be \"trailers\""))
        }
        if let text = timeoutText {
            guard let parsed = RPCTimeout.parse(text) else {
                throw .rpc(
                    RPCError(
                        .invalidArgument,
                        "the header `grpc-timeout` must be up to eight digits and a unit"))
            }
            timeout = parsed
        }
        guard !encodingName.isEmpty else { return }
        guard let known = MessageEncoding(rawValue: encodingName) else {
            throw .encoding(
                RPCError(.unimplemented, "messages must not be compressed as \(encodingName)"))
        }
        encoding = known
        if known.isListed(in: acceptEncoding) { answerEncoding = known }
    }

    /// `application/grpc`, alone or with the name of a message format or parameters behind it.
    private static func isGRPC(_ contentType: String) -> Bool {
        if contentType == "application/grpc" || contentType == "application/grpc+proto" {
            return true
        }
        let lower = contentType.lowercased()
        guard lower.hasPrefix("application/grpc") else { return false }
        let next = lower.utf8.dropFirst("application/grpc".utf8.count).first
        return next == nil || next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
    }
}
