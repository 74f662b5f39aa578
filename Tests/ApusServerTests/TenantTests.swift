import Apus
import ApusCore
import ApusServer
import Foundation
import Testing

/// Two tenants in one collection, each with a caller that may see and touch its own points only.
@Suite("A caller who is restricted to some points meets no others")
struct TenantTests {
    private let database: Database
    private let operations: Operations
    private let path: String

    init() async throws {
        path =
            FileManager.default.temporaryDirectory
            .appending(path: "apus-tenants-\(UUID().uuidString)").path
        database = try Database.open(at: path)
        operations = Operations(database: database, authorizer: Authorizer(needsCaller: true))
        let docs = try database.createCollection(
            "docs", CollectionConfiguration(dimension: 2, metric: .dot))
        _ = try database.createCollection(
            "other", CollectionConfiguration(dimension: 2, metric: .dot))
        try await docs.upsert(
            (0..<10).map { index in
                Point(
                    id: .number(UInt64(index)), vector: [Float(index), 1],
                    payload: ["tenant": .string(index % 2 == 0 ? "even" : "odd")])
            })
    }

    private func finish() {
        try? database.close()
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func caller(
        _ access: Access, condition: Caller.PointCondition? = nil
    ) -> Caller {
        Caller(subject: "test", access: access, condition: condition)
    }

    private static let even = Filter(must: [
        .field(PayloadPath(key: "tenant"), .matchKeyword("even"))
    ])

    private static let tenant = caller(
        .collections(["docs": CollectionAccess(writes: true, filter: even)]))

    private func acting<Value>(
        as caller: Caller = tenant, _ body: () async throws -> Value
    ) async throws -> Value {
        let call = CallContext(head: CallHead(door: .rest, method: "test"), caller: caller)
        return try await CallContext.$current.withValue(call, operation: body)
    }

    private func refuses(
        _ kind: DatabaseError.Kind, as caller: Caller = tenant,
        _ body: () async throws -> Void
    ) async {
        do {
            try await acting(as: caller, body)
            Issue.record("it was allowed")
        } catch {
            #expect((error as? DatabaseError)?.kind == kind, "\(error)")
        }
    }

    private func all() async throws -> [PointID: Payload] {
        let page = try await database.collection("docs").scroll(ScrollRequest(limit: 100))
        return Dictionary(uniqueKeysWithValues: page.points.map { ($0.id, $0.payload ?? [:]) })
    }

    @Test func readsSeeOwnPointsOnly() async throws {
        defer { finish() }
        try await acting {
            let nearest = try await operations.read(
                .points(
                    QueryRequest(nearest: [1, 0], limit: 10), in: "docs"))
            #expect(nearest.map(\.id) == [8, 6, 4, 2, 0])
            let scrolled = try await operations.read(.page(ScrollRequest(limit: 10), in: "docs"))
            #expect(scrolled.points.map(\.id) == [0, 2, 4, 6, 8])
            #expect(try await operations.read(.count(nil, in: "docs")) == 5)
            let records = try await operations.read(
                .records(
                    [1, 2, 3], withPayload: .all, withVectors: .none, in: "docs"))
            #expect(records.map(\.id) == [2])
            // A filter of the caller's own narrows, and cannot widen.
            let odd = Filter(should: [
                .field(PayloadPath(key: "tenant"), .matchKeyword("odd")), .hasID([2]),
            ])
            #expect(try await operations.read(.count(odd, in: "docs")) == 1)
            let prefetched = try await operations.read(
                .points(
                    QueryRequest(
                        query: .fusion(.reciprocalRank),
                        prefetch: [Prefetch(query: .nearest(.vector(.dense([1, 0]))), limit: 10)]),
                    in: "docs"))
            #expect(Set(prefetched.map(\.id)) == [8, 6, 4, 2, 0])
            let explained = try await operations.read(
                .explanation(
                    QueryRequest(nearest: [1, 0], limit: 10), in: "docs"))
            #expect(explained.points.count == 5)
        }
    }

    @Test("Another tenant's point is no example for a query")
    func examples() async throws {
        defer { finish() }
        await refuses(.notFound) {
            _ = try await operations.read(
                .points(QueryRequest(query: .nearest(.id(3))), in: "docs"))
        }
        await refuses(.notFound) {
            let inner = Prefetch(
                query: .recommend(positive: [.id(2)], negative: [.id(3)], .averageVector))
            _ = try await operations.read(
                .points(
                    QueryRequest(query: .fusion(.reciprocalRank), prefetch: [inner]), in: "docs"))
        }
        await refuses(.permissionDenied) {
            _ = try await operations.read(
                .points(
                    QueryRequest(
                        query: .nearest(.id(2)), lookupFrom: LookupLocation(collection: "other")),
                    in: "docs"))
        }
        let own = try await acting {
            try await operations.read(.points(QueryRequest(query: .nearest(.id(2))), in: "docs"))
        }
        #expect(own.map(\.id) == [8, 6, 4, 0])
    }

    @Test("Writes change own points only, and refuse whole batches otherwise")
    func writes() async throws {
        defer { finish() }
        let before = try await all()
        let foreign = Point(id: 1, vector: [0, 0], payload: ["tenant": "even"])
        let disguised = Point(id: 100, vector: [0, 0], payload: ["tenant": "odd"])
        let bare = Point(id: 101, vector: [0, 0])
        let good = Point(id: 102, vector: [0, 0], payload: ["tenant": "even"])
        for points in [[foreign], [disguised], [bare], [good, foreign]] {
            await refuses(.permissionDenied) {
                _ = try await operations.write(.upsert(points), to: "docs", wait: true)
            }
        }
        await refuses(.permissionDenied) {
            _ = try await operations.write(
                .setPayload(["tenant": "odd"], key: nil, .ids([2])), to: "docs", wait: true)
        }
        await refuses(.permissionDenied) {
            _ = try await operations.write(.clearPayload(.ids([2])), to: "docs", wait: true)
        }
        await refuses(.permissionDenied) {
            _ = try await operations.write(
                .updateVectors([PointVectors(id: 3, vectors: ["": .dense([0, 0])])]), to: "docs",
                wait: true)
        }
        #expect(try await all() == before)

        try await acting {
            _ = try await operations.write(.delete(.ids([1, 2, 3])), to: "docs", wait: true)
            _ = try await operations.write(
                .setPayload(["seen": true], key: nil, .filter(Filter())), to: "docs", wait: true)
            _ = try await operations.write(.upsert([good]), to: "docs", wait: true)
        }
        var expected = before
        expected[2] = nil
        expected[102] = ["tenant": "even"]
        for id in [0, 4, 6, 8] as [PointID] { expected[id]?["seen"] = true }
        #expect(try await all() == expected)
    }

    @Test("What concerns a whole collection, or others, is refused")
    func others() async throws {
        defer { finish() }
        await refuses(.permissionDenied) { _ = try await operations.read(.count(nil, in: "other")) }
        await refuses(.permissionDenied) {
            _ = try await operations.read(.count(nil, in: "nowhere"))
        }
        await refuses(.permissionDenied) { _ = try await operations.createSnapshot(of: "docs") }
        await refuses(.permissionDenied) { _ = try await operations.snapshots(of: "docs") }
        await refuses(.permissionDenied) {
            _ = try await operations.createPayloadIndex(
                on: PayloadPath(key: "tenant"), .init(type: .keyword), in: "docs")
        }
        await refuses(.permissionDenied) { _ = try await operations.deleteCollection("docs") }
        await refuses(.permissionDenied) {
            try await operations.changeAliases([.create(alias: "x", collection: "docs")])
        }
        #expect(try await acting { try await operations.collectionNames() } == ["docs"])
    }

    @Test("An alias opens what its collection opens")
    func aliases() async throws {
        defer { finish() }
        try database.changeAliases([
            .create(alias: "d", collection: "docs"), .create(alias: "o", collection: "other"),
        ])
        #expect(try await acting { try await operations.read(.count(nil, in: "d")) } == 5)
        await refuses(.permissionDenied) { _ = try await operations.read(.count(nil, in: "o")) }
        let aliases = try await acting { try await operations.aliases() }
        #expect(aliases.map(\.alias) == ["d"])
    }

    @Test func readersWriteNothing() async throws {
        defer { finish() }
        for caller in [
            Self.caller(.reading),
            Self.caller(.collections(["docs": CollectionAccess(writes: false)])),
        ] {
            #expect(
                try await acting(as: caller) { try await operations.read(.count(nil, in: "docs")) }
                    == 10)
            await refuses(.permissionDenied, as: caller) {
                _ = try await operations.write(.delete(.ids([1])), to: "docs", wait: true)
            }
        }
    }

    @Test("Without a caller nothing is allowed")
    func nobody() async throws {
        defer { finish() }
        do {
            _ = try await operations.read(.count(nil, in: "docs"))
            Issue.record("it was allowed")
        } catch {
            #expect((error as? DatabaseError)?.kind == .unauthenticated)
        }
    }

    @Test("A token holds while the point that it names is there")
    func valueExists() async throws {
        defer { finish() }
        let caller = Self.caller(
            .everything,
            condition: Caller.PointCondition(
                collection: "other",
                filter: Filter(must: [.field(PayloadPath(key: "token"), .matchKeyword("t1"))])))
        await refuses(.unauthenticated, as: caller) {
            _ = try await operations.read(.count(nil, in: "docs"))
        }
        try await database.collection("other").upsert([
            Point(id: 1, vector: [0, 0], payload: ["token": "t1"])
        ])
        #expect(
            try await acting(as: caller) { try await operations.read(.count(nil, in: "docs")) }
                == 10)
    }
}
