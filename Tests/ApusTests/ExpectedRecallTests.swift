import Apus
import ApusStorage
import TestSupport
import Testing

/// A recall that is asked for, and the one that an answer expects.
@Suite("Expected recall") struct ExpectedRecallTests {
    private static let rows = 3000
    private static let dimension = 32
    private static let path = "/db/c/00000001.seg"

    private static func vector(_ seed: Int) -> [Float] {
        var generator = SeededGenerator(seed: UInt64(seed))
        return (0..<dimension).map { _ in Float.random(in: -1...1, using: &generator) }
    }

    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.mergesInBackground = false
        return try Database.open(at: "/db", configuration: configuration, fileSystem: disk)
    }

    private static func filled(
        _ disk: SimulatedFileSystem, rows: Int = rows
    ) throws -> (Database, Collection) {
        let database = try open(disk)
        var configuration = CollectionConfiguration(dimension: dimension, metric: .euclid)
        configuration.hnsw.fullScanThreshold = 0
        let collection = try database.createCollection("c", configuration)
        try collection.upsert(
            (0..<rows).map { Point(id: .number(UInt64($0)), vector: vector($0), payload: [:]) })
        return (database, collection)
    }

    /// Walks only, whatever they cost.
    private static func request(_ seed: Int, _ target: Double?) -> QueryRequest {
        var request = QueryRequest(nearest: vector(seed), limit: 10)
        request.parameters.targetRecall = target
        request.parameters.indexedOnly = true
        return request
    }

    private static func recall(
        of collection: Collection, target: Double
    ) throws -> (measured: Double, expected: Double?) {
        var hits = 0
        var expected: Double?
        for seed in 100_000..<100_200 {
            let answer = try collection.answer(request(seed, target))
            expected = answer.recallExpected
            var exact = QueryRequest(nearest: vector(seed), limit: 10)
            exact.parameters.exact = true
            let truth = Set(try collection.query(exact).map(\.id))
            hits += answer.points.count { truth.contains($0.id) }
        }
        return (Double(hits) / 2000, expected)
    }

    @Test("Is kept by searches, and told; after opening too", arguments: [0.9, 0.95, 0.99])
    func target(target: Double) throws {
        let disk = SimulatedFileSystem(seed: 1)
        let (database, collection) = try Self.filled(disk)
        try collection.seal()
        let sealed = try Self.recall(of: collection, target: target)
        #expect(sealed.measured >= target - 0.015)
        #expect(try #require(sealed.expected) >= target)
        try database.close()
        let again = try Self.open(disk)
        let opened = try Self.recall(of: try again.collection("c"), target: target)
        #expect(opened.measured == sealed.measured)
        #expect(abs(try #require(opened.expected) - #require(sealed.expected)) < 1e-6)
        try again.close()
    }

    @Test("A budget of time shortens the list and lowers what is expected; one of memory refuses")
    func budgets() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let (database, collection) = try Self.filled(disk)
        try collection.seal()
        var request = Self.request(1, 0.99)
        let whole = try collection.answer(request)
        request.budget.time = .nanoseconds(1)
        let brief = try collection.explain(request)
        #expect(brief.points.count == 10)
        #expect(brief.explanation?.searches.first?.chosen.plan == "walk(ef: 10)")
        #expect(try #require(brief.recallExpected) < #require(whole.recallExpected))
        request.budget.time = .seconds(60)
        #expect(try collection.answer(request).points == whole.points)
        request.budget.memoryByteCount = 100
        let error = #expect(throws: DatabaseError.self) { try collection.answer(request) }
        #expect(error?.kind == .resourceExhausted)
        request.budget = QueryBudget(time: .zero)
        #expect(throws: DatabaseError.self) { try collection.answer(request) }
        try database.close()
    }

    @Test("Is 1 for exact searches, and not known for a graph that still grows")
    func known() throws {
        let (database, collection) = try Self.filled(SimulatedFileSystem(seed: 2))
        try collection.waitUntilIndexed()
        var exact = Self.request(7, nil)
        exact.parameters.exact = true
        #expect(try collection.answer(exact).recallExpected == 1)
        #expect(try collection.answer(Self.request(7, 0.9)).recallExpected == nil)
        try collection.seal()
        #expect(try #require(collection.answer(Self.request(7, nil)).recallExpected) > 0.9)
        try database.close()
    }

    @Test("Outside of what can be is refused", arguments: [0, -0.5, 1.01, .nan, .infinity])
    func refused(target: Double) throws {
        let (database, collection) = try Self.filled(SimulatedFileSystem(seed: 3), rows: 10)
        #expect {
            try collection.query(Self.request(1, target))
        } throws: { error in
            (error as? DatabaseError)?.message.contains("target_recall") == true
        }
        var both = Self.request(1, 0.9)
        both.parameters.ef = 50
        #expect(throws: DatabaseError.self) { try collection.query(both) }
        try database.close()
    }

    @Test("A damaged curve costs the promise, not the search, and is named")
    func damage() throws {
        let disk = SimulatedFileSystem(seed: 4)
        let (database, collection) = try Self.filled(disk)
        try collection.seal()
        try database.close()
        let place = try SegmentReader.open(fileSystem: disk, path: Self.path)
            .descriptor("recall.0")
        try disk.flip(bit: 3, ofByte: place.offset + 20, in: Self.path)
        let again = try Self.open(disk)
        let found = try again.collection("c")
        let answer = try found.answer(Self.request(5, nil))
        #expect(answer.points.count == 10 && answer.recallExpected == nil)
        #expect(found.info().degradations.contains { $0.contains("recall.0") })
        try again.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults.count == 1)
        let report = try Database.repair(at: "/db", options: RepairOptions(), fileSystem: disk)
        #expect(report.isComplete && report.lostPointCount == 0)
        let repaired = try Self.open(disk)
        #expect(
            try repaired.collection("c").answer(Self.request(5, nil)).recallExpected != nil)
        try repaired.close()
    }
}
