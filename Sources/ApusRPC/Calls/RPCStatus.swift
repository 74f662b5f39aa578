/// The status codes of gRPC under their numbers on the wire (grpc/grpc, doc/statuscodes.md).
package enum RPCStatusCode: Int, Hashable, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case internalError = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16
}

/// Why a call ended without success; what its client gets as `grpc-status` and `grpc-message`.
package struct RPCError: Error, Hashable, Sendable, CustomStringConvertible {
    package var code: RPCStatusCode
    package var message: String

    package init(_ code: RPCStatusCode, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(code) (\(code.rawValue)): \(message)" }
}

/// An error that knows how it looks to a client.
package protocol RPCErrorConvertible: Error {
    var rpcError: RPCError { get }
}

extension RPCError {
    /// What a handler threw, as its client gets it.
    package init(thrown error: any Error) {
        switch error {
        case let error as RPCError: self = error
        case let error as any RPCErrorConvertible: self = error.rpcError
        case is CancellationError: self.init(.cancelled, "the call was cancelled")
        default: self.init(.internalError, "Service internal error: \(error)")
        }
    }
}

/// The encoding of `grpc-message` (PROTOCOL-HTTP2.md, Responses): UTF-8 in which every byte
/// outside of printable ASCII, and the percent sign, is `%` and two hexadecimal digits.
package enum StatusMessage {
    /// Clients refuse trailers that are too long, and then lose the status too.
    private static let byteCountMax = 4096

    package static func encode(_ text: String) -> String {
        if text.utf8.count <= byteCountMax, text.utf8.allSatisfy(isPlain) { return text }
        var encoded = ""
        for character in text {
            var piece = ""
            for byte in character.utf8 {
                if isPlain(byte) {
                    piece.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    piece += "%"
                    piece += String(byte >> 4, radix: 16, uppercase: true)
                    piece += String(byte & 15, radix: 16, uppercase: true)
                }
            }
            guard encoded.utf8.count + piece.utf8.count <= byteCountMax else { break }
            encoded += piece
        }
        return encoded
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte <= 0x7E && byte != UInt8(ascii: "%")
    }
}
