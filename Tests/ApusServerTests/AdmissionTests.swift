import ApusCore
import ApusServer
import Foundation
import Testing

@Suite("So many operations are under way and no more")
struct AdmissionTests {
    private static func limits(reads: Int, writes: Int) -> ServerConfiguration.Limits {
        var limits = ServerConfiguration.Limits()
        limits.readsMax = reads
        limits.writesMax = writes
        limits.streamsMax = writes
        return limits
    }

    @Test("One too many is refused at once, and counted; places come free again")
    func bounds() async throws {
        let admission = Admission(Self.limits(reads: 2, writes: 1))
        for kind in Admission.Kind.allCases {
            let places = kind == .read ? 2 : 1
            try await nested(admission, kind, places) {
                #expect(admission.counts(kind).open == places)
                let error = await #expect(throws: DatabaseError.self) {
                    try await admission.admitting(kind) {}
                }
                #expect(error?.kind == .resourceExhausted)
            }
            #expect(admission.counts(kind).open == 0)
            #expect(admission.counts(kind).refused == 1)
            try await admission.admitting(kind) {}
        }
    }

    private func nested(
        _ admission: Admission, _ kind: Admission.Kind, _ depth: Int,
        _ body: () async throws -> Void
    ) async throws {
        guard depth > 0 else { return try await body() }
        try await admission.admitting(kind) {
            try await nested(admission, kind, depth - 1, body)
        }
    }

    @Test("A place comes free after an error too")
    func errors() async throws {
        struct Mistake: Error {}
        let admission = Admission(Self.limits(reads: 1, writes: 1))
        for _ in 0..<3 {
            await #expect(throws: Mistake.self) {
                try await admission.admitting(.read) { throw Mistake() }
            }
        }
        #expect(admission.counts(.read).open == 0)
        #expect(admission.counts(.read).refused == 0)
    }

    @Test("Over REST it is 429 with the time to wait")
    func rest() async throws {
        let rest = try RESTHarness(limits: Self.limits(reads: 0, writes: 0))
        #expect(
            await rest("PUT", "/collections/x", ["vectors": ["size": 2, "distance": "Dot"]])
                .status == 200)
        for (method, path, body) in [
            ("POST", "/collections/x/points/query", ["query": [1, 0]]),
            ("PUT", "/collections/x/points", ["points": [["id": 1, "vector": [1, 0]]]]),
        ] as [(String, String, JSONValue)] {
            let reply = await rest(method, path, body)
            #expect(reply.status == 429)
            #expect(reply.headers.contains { $0.name == "retry-after" && $0.value == "1" })
        }
        // What watches the server is never refused.
        #expect(await rest("GET", "/metrics").status == 200)
        #expect(await rest("GET", "/readyz").status == 200)
    }
}
