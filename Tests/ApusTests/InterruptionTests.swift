import Apus
import TestSupport
import Testing

@Suite("Reads that end before their time") struct InterruptionTests {
    /// 2,000 points in a file and 100 in memory, with a number and a sparse vector each.
    private static func made() throws -> (Database, Collection) {
        let database = try Database.open(
            at: "/db", configuration: EngineConfiguration(),
            fileSystem: SimulatedFileSystem(seed: 1))
        var configuration = CollectionConfiguration(dimension: 16, metric: .euclid)
        configuration.hnsw.fullScanThreshold = 0
        configuration.sparseVectors["sparse"] = SparseVectorConfiguration()
        let collection = try database.createCollection("c", configuration)
        try collection.createPayloadIndex(
            PayloadPath(key: "number"), PayloadFieldSchema(type: .integer))
        var random = SeededGenerator(seed: 1)
        for part in [0..<2000, 2000..<2100] {
            try collection.upsert(
                part.map { number in
                    Point(
                        id: .number(UInt64(number)),
                        vectors: [
                            "": .dense(
                                (0..<16).map { _ in Float.random(in: -1...1, using: &random) }),
                            "sparse": .sparse(
                                SparseVector(indices: [UInt32(number % 7)], values: [1])),
                        ],
                        payload: ["number": .integer(Int64(number))])
                })
            if part.lowerBound == 0 { try collection.seal() }
        }
        return (database, collection)
    }

    private static let query = [Float](repeating: 0.1, count: 16)
    /// No index answers it.
    private static let filter = Filter(
        must: [.field(PayloadPath(key: "other"), .matchInteger(3))])

    /// Every kind of read that looks at many rows.
    private static let reads: [(name: String, read: @Sendable (Collection) throws -> Void)] = [
        ("walk", { _ = try $0.query(QueryRequest(nearest: query, limit: 5)) }),
        (
            "scan",
            { collection in
                var request = QueryRequest(nearest: query, limit: 5)
                request.parameters.exact = true
                _ = try collection.query(request)
            }
        ),
        (
            "sparse",
            { collection in
                var request = QueryRequest(limit: 5)
                request.query = .nearest(
                    .vector(.sparse(SparseVector(indices: [3], values: [1]))))
                request.using = "sparse"
                _ = try collection.query(request)
            }
        ),
        (
            "filter",
            { collection in
                var request = QueryRequest(nearest: query, limit: 5)
                request.filter = filter
                _ = try collection.query(request)
            }
        ),
        ("count", { _ = try $0.count(filter) }),
        (
            "order",
            { collection in
                var request = QueryRequest(limit: 5)
                request.query = .orderBy(OrderBy(key: PayloadPath(key: "number")))
                _ = try collection.query(request)
            }
        ),
        ("scroll", { _ = try $0.scroll(ScrollRequest(limit: 5, filter: filter)) }),
        (
            "explain",
            { _ = try $0.explain(QueryRequest(nearest: query, limit: 5), comparing: true) }
        ),
    ]

    @Test("A read whose deadline has passed says so; the next one is answered")
    func deadlines() throws {
        let (database, collection) = try Self.made()
        for (name, read) in Self.reads {
            let error = #expect(throws: DatabaseError.self, "\(name)") {
                try Interruption.$current.withValue(Interruption(after: .zero)) {
                    try read(collection)
                }
            }
            #expect(error?.kind == .timeout, "\(name)")
            #expect(throws: Never.self, "\(name)") { try read(collection) }
            // More seconds than a clock can count.
            #expect(throws: Never.self, "\(name)") {
                try Interruption.$current.withValue(Interruption(after: .seconds(UInt64.max))) {
                    try read(collection)
                }
            }
        }
        try database.close()
    }

    @Test("Nobody answers who does not wait")
    func cancellation() throws {
        let (database, collection) = try Self.made()
        let interruption = Interruption()
        for (name, read) in Self.reads {
            #expect(throws: Never.self, "\(name)") {
                try Interruption.$current.withValue(interruption) { try read(collection) }
            }
        }
        interruption.cancel()
        for (name, read) in Self.reads {
            #expect(throws: CancellationError.self, "\(name)") {
                try Interruption.$current.withValue(interruption) { try read(collection) }
            }
        }
        try database.close()
    }

    @Test("The earlier of two deadlines holds, and an outer cancellation")
    func nesting() throws {
        let (database, collection) = try Self.made()
        func count(within outer: Interruption) throws -> Int {
            try Interruption.$current.withValue(outer) {
                try Interruption.$current.withValue(Interruption(after: .seconds(1000))) {
                    try collection.count()
                }
            }
        }
        let outer = Interruption()
        #expect(try count(within: outer) == 2100)
        outer.cancel()
        #expect(throws: CancellationError.self) { try count(within: outer) }
        #expect(throws: DatabaseError.self) { try count(within: Interruption(after: .zero)) }
        try database.close()
    }

    @Test("An interrupted count is not remembered as the filter's answer")
    func filterCache() throws {
        let (database, collection) = try Self.made()
        let filter = Filter(
            mustNot: [.field(PayloadPath(key: "other"), .matchInteger(3))])
        #expect(throws: DatabaseError.self) {
            try Interruption.$current.withValue(Interruption(after: .zero)) {
                try collection.count(filter)
            }
        }
        #expect(try collection.count(filter) == 2100)
        try database.close()
    }

    @Test("A cancelled task's read ends; writes are not touched by either")
    func tasks() async throws {
        let (database, collection) = try Self.made()
        let task = Task {
            // It is cancelled before it begins.
            while !Task.isCancelled { await Task.yield() }
            return try await collection.query(QueryRequest(nearest: Self.query, limit: 5))
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let result = try await Interruption.$current.withValue(Interruption(after: .zero)) {
            try await collection.write(
                [.delete(.ids([.number(1)]))])
        }
        #expect(result.count == 1)
        #expect(try await collection.count() == 2099)
        try await database.perform { try database.close() }
    }
}
