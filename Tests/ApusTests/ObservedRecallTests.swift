import Apus
import Synchronization
import TestSupport
import Testing

@Suite("Recall of the searches that are answered") struct ObservedRecallTests {
    private static let dimension = 24

    private static func vector(_ random: inout SeededGenerator) -> [Float] {
        (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
    }

    private static func made(_ engine: EngineConfiguration) throws -> (Database, Collection) {
        let database = try Database.open(
            at: "/db", configuration: engine, fileSystem: SimulatedFileSystem(seed: 1))
        var configuration = CollectionConfiguration(dimension: dimension, metric: .euclid)
        configuration.hnsw.fullScanThreshold = 0
        let collection = try database.createCollection("c", configuration)
        var random = SeededGenerator(seed: 1)
        try collection.upsert(
            (0..<4000).map { Point(id: .number($0), vector: vector(&random)) })
        try collection.seal()
        return (database, collection)
    }

    private static func ask(_ collection: Collection, ef: Int, count: Int, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<count {
            var request = QueryRequest(nearest: vector(&random), limit: 10)
            request.parameters.ef = ef
            _ = try collection.query(request)
            collection.waitUntilRecallIsObserved()
        }
    }

    @Test("It is what an exact search says, and who wants to know of low recall is told once")
    func observed() throws {
        let told = Mutex<[(String, ObservedRecall)]>([])
        var engine = EngineConfiguration()
        engine.recallObservation = RecallObservation(share: 1, processorShare: 1, target: 0.97)
        engine.recallObservation.onLowRecall = { name, recall in
            told.withLock { $0.append((name, recall)) }
        }
        let (database, collection) = try Self.made(engine)
        #expect(collection.observedRecall == nil)
        try Self.ask(collection, ef: 10, count: 60, seed: 2)
        let low = try #require(collection.observedRecall)
        #expect(low.checkedCount == 60)

        var random = SeededGenerator(seed: 2)
        var right = 0
        for _ in 0..<60 {
            var request = QueryRequest(nearest: Self.vector(&random), limit: 10)
            request.parameters.ef = 10
            let found = Set(try collection.query(request).map(\.id))
            request.parameters = SearchParameters(exact: true)
            right += found.intersection(try collection.query(request).map(\.id)).count
        }
        collection.waitUntilRecallIsObserved()
        #expect(abs(low.mean - Double(right) / 600) < 1e-9)
        #expect(low.mean < 0.97 && low.p1 <= low.p5 && low.p5 <= low.mean)
        let calls = told.withLock { $0 }
        #expect(calls.count == 1 && calls.first?.0 == "c")

        // A search within a budget of time is checked like any other.
        var brief = QueryRequest(nearest: Self.vector(&random), limit: 10)
        brief.budget.time = .nanoseconds(1)
        let checked = try #require(collection.observedRecall).checkedCount
        _ = try collection.query(brief)
        collection.waitUntilRecallIsObserved()
        #expect(collection.observedRecall?.checkedCount == checked + 1)

        // Exact searches say nothing; good ones push the poor ones out.
        let before = try #require(collection.observedRecall).checkedCount
        var exact = QueryRequest(nearest: Self.vector(&random), limit: 10)
        exact.parameters.exact = true
        _ = try collection.query(exact)
        collection.waitUntilRecallIsObserved()
        #expect(collection.observedRecall?.checkedCount == before)
        try Self.ask(collection, ef: 1000, count: ObservedRecall.windowCount, seed: 3)
        #expect(try #require(collection.observedRecall).mean > 0.99)
        #expect(told.withLock { $0.count } == 1)
        try database.close()
    }

    @Test("Checks take no more than their share of a processor, and none when there are none")
    func budget() throws {
        let clock = Mutex(Duration.zero)
        var engine = EngineConfiguration()
        engine.uptime = { clock.withLock { $0 } }
        engine.recallObservation = RecallObservation(share: 1, processorShare: 0.01)
        var (database, collection) = try Self.made(engine)
        try Self.ask(collection, ef: 10, count: 20, seed: 2)
        // The clock stands still: after the first there is no time for a second.
        #expect(collection.observedRecall?.checkedCount == 1)
        clock.withLock { $0 = .seconds(3600) }
        try Self.ask(collection, ef: 10, count: 20, seed: 3)
        #expect(collection.observedRecall?.checkedCount == 2)
        try database.close()

        engine.recallObservation.share = 0
        (database, collection) = try Self.made(engine)
        try Self.ask(collection, ef: 10, count: 20, seed: 2)
        #expect(collection.observedRecall == nil)
        try database.close()
    }
}
