package import ApusCore

/// The one table from the kinds of `DatabaseError` to what both protocols answer.
package struct ErrorStatus: Hashable, Sendable {
    /// The HTTP status of the REST answer.
    package let http: Int
    /// The status of the gRPC answer; its raw value is the number on the wire.
    package let grpc: GRPCStatusCode

    package init(_ kind: DatabaseError.Kind) {
        (http, grpc) =
            switch kind {
            case .invalidArgument: (400, .invalidArgument)
            case .validation: (422, .invalidArgument)
            case .notFound: (404, .notFound)
            case .alreadyExists: (409, .alreadyExists)
            case .failedPrecondition: (400, .failedPrecondition)
            case .conflict: (409, .failedPrecondition)
            case .gone: (410, .failedPrecondition)
            case .unauthenticated: (401, .unauthenticated)
            case .permissionDenied: (403, .permissionDenied)
            case .timeout: (408, .deadlineExceeded)
            case .resourceExhausted: (429, .resourceExhausted)
            case .outOfSpace, .outOfMemory: (507, .resourceExhausted)
            case .unavailable: (503, .unavailable)
            case .unimplemented: (501, .unimplemented)
            // A request cannot make it right and a retry will not either; DATA_LOSS is the code
            // that says so, and HTTP has none but 500.
            case .corruption: (500, .dataLoss)
            case .internalError: (500, .internalError)
            }
    }
}

/// The status codes of gRPC that we answer with, under their numbers in its specification.
package enum GRPCStatusCode: Int, Hashable, Sendable {
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case unimplemented = 12
    case internalError = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16
}
