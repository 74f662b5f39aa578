import ApusCore
import ApusWire
import Testing

@Suite struct ErrorStatusTests {
    @Test func bothProtocolsSayTheSame() {
        let expected: [DatabaseError.Kind: (http: Int, grpc: Int)] = [
            .invalidArgument: (400, 3), .validation: (422, 3), .notFound: (404, 5),
            .alreadyExists: (409, 6), .failedPrecondition: (400, 9), .unauthenticated: (401, 16),
            .permissionDenied: (403, 7), .timeout: (408, 4), .resourceExhausted: (429, 8),
            .outOfSpace: (507, 8), .unavailable: (503, 14), .unimplemented: (501, 12),
            .conflict: (409, 9), .gone: (410, 9), .outOfMemory: (507, 8), .corruption: (500, 15),
            .internalError: (500, 13),
        ]
        for kind in DatabaseError.Kind.allCases {
            let status = ErrorStatus(kind)
            #expect(status.http == expected[kind]?.http, "\(kind)")
            #expect(status.grpc.rawValue == expected[kind]?.grpc, "\(kind)")
        }
    }
}
