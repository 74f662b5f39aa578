import Apus
import ApusCore
import ApusIndex
import TestSupport
import Testing

/// A batch answers what its queries answer alone, whether or not they share scans.
@Suite("Exact scans shared by the queries of a batch") struct SharedScanTests {
    private static let dimension = 24
    private static let sealedCount = 700

    struct Space: Sendable, CustomTestStringConvertible {
        let metric: Metric
        let datatype: VectorDatatype

        var testDescription: String { "\(metric), \(datatype)" }
    }

    static let spaces = Metric.allCases.flatMap { metric in
        [VectorDatatype.float32, .float16, .uint8].map { Space(metric: metric, datatype: $0) }
    }

    private static func vector(_ random: inout SeededGenerator, _ datatype: VectorDatatype)
        -> [Float]
    {
        (0..<dimension).map { _ in
            datatype == .uint8
                ? Float(Int.random(in: 0...255, using: &random))
                : Float.random(in: -1...1, using: &random)
        }
    }

    /// A sealed segment and a growing one, with vectors that are there twice, points without a vector
    /// and deleted ones. `group` has 10 values, `rare` is true of one point in 50.
    private static func made(_ space: Space) throws -> (Database, Collection) {
        var engine = EngineConfiguration()
        engine.mergesInBackground = false
        engine.searchThreads = 3
        let database = try Database.open(
            at: "/db", configuration: engine, fileSystem: SimulatedFileSystem(seed: 1))
        var configuration = CollectionConfiguration(dimension: dimension, metric: space.metric)
        configuration.vectors[""]?.datatype = space.datatype
        configuration.hnsw.m = 0
        let collection = try database.createCollection("c", configuration)
        var random = SeededGenerator(seed: 1)
        var points: [Point] = []
        for number in 0..<sealedCount + 300 {
            let payload: Payload = [
                "group": .integer(Int64(number % 10)), "rare": .bool(number % 50 == 0),
            ]
            let id = PointID.number(UInt64(number))
            if number % 11 == 10 {
                points.append(Point(id: id, vectors: [:], payload: payload))
            } else {
                points.append(
                    Point(id: id, vector: vector(&random, space.datatype), payload: payload))
            }
        }
        for number in stride(from: 0, to: 600, by: 7) where number % 11 != 10 {
            points[number + 330].vectors = points[number].vectors
        }
        try collection.upsert(Array(points[..<sealedCount]))
        try collection.seal()
        try collection.upsert(Array(points[sealedCount...]))
        try collection.delete(.ids((0..<1000).filter { $0 % 13 == 5 }.map { .number($0) }))
        return (database, collection)
    }

    private static let filters: [Filter?] = [
        nil, Filter(must: [.field(PayloadPath(key: "group"), .matchInteger(3))]),
        Filter(mustNot: [.field(PayloadPath(key: "group"), .matchInteger(4))]),
        Filter(must: [.field(PayloadPath(key: "rare"), .matchBool(true))]),
    ]

    /// Queries of several kinds, shuffled: vectors, points of the collection, thresholds, offsets.
    private static func requests(
        _ random: inout SeededGenerator, _ datatype: VectorDatatype, countOfEach: Int
    ) -> [QueryRequest] {
        var requests: [QueryRequest] = []
        for filter in filters {
            for number in 0..<countOfEach {
                var request = QueryRequest(
                    nearest: vector(&random, datatype), limit: 7, filter: filter)
                request.withPayload = .all
                switch number % 4 {
                case 1: request.scoreThreshold = 0.1
                case 2:
                    request.offset = 2
                    request.limit = 5
                default: break
                }
                requests.append(request)
                request = QueryRequest(limit: 4, offset: 0)
                request.query = .nearest(.id(.number(UInt64(number))))
                request.filter = filter
                requests.append(request)
            }
        }
        return requests.shuffled(using: &random)
    }

    @Test("A batch answers what its queries answer alone", arguments: spaces)
    func answers(space: Space) throws {
        let (database, collection) = try Self.made(space)
        var random = SeededGenerator(seed: 2)
        // Point 5 was deleted, and point 10 has no vector: asking for them fails.
        var requests = Self.requests(&random, space.datatype, countOfEach: 12)
        requests.removeAll { request in
            if case .nearest(.id(.number(5)))? = request.query { return true }
            if case .nearest(.id(.number(10)))? = request.query { return true }
            return false
        }
        let alone = try requests.map { try collection.answer($0) }
        let together = try collection.answers(requests)
        #expect(together == alone)
        // Fewer of a kind than it takes go one by one.
        let few = Array(requests.filter { $0.filter == nil }.prefix(7))
        #expect(try collection.answers(few) == Array(try few.map { try collection.answer($0) }))
        try database.close()
    }

    @Test("An answer tells how many shared the scan, and its share of the work")
    func explanations() async throws {
        let (database, collection) = try Self.made(Space(metric: .euclid, datatype: .float32))
        var random = SeededGenerator(seed: 3)
        var requests = (0..<100).map { _ in
            QueryRequest(nearest: Self.vector(&random, .float32), limit: 3)
        }
        // What is limited in time, of another limit or another filter stays alone.
        requests[3].budget.time = .seconds(60)
        requests[4].limit = 4
        requests[5].filter = Self.filters[1]
        let alone: Set = [3, 4, 5]
        for (index, answer) in try collection.watched(requests).enumerated() {
            let searches = try #require(answer.explanation?.searches)
            #expect(searches.map(\.rowCount) == [Self.sealedCount, 300])
            #expect(searches.allSatisfy { $0.sharedBy == (alone.contains(index) ? 1 : 97) })
            #expect(
                searches.allSatisfy {
                    $0.chosen.plan == "scan" && $0.foundCount == requests[index].limit
                })
            let single = try await collection.explain(requests[index]).explanation
            #expect(searches.map(\.measuredCount) == single?.searches.map(\.measuredCount))
            #expect(searches.allSatisfy { $0.rescoredCount <= $0.measuredCount })
            let total = try #require(answer.explanation?.duration)
            #expect(searches.reduce(.zero) { $0 + $1.duration } <= total)
        }
        try database.close()
    }

    @Test(
        "The filter of a shared scan is evaluated for one of the queries, and remembered by others")
    func filters() async throws {
        let (database, collection) = try Self.made(Space(metric: .dot, datatype: .float32))
        var random = SeededGenerator(seed: 4)
        // Few that look at a part of the rows are answered each for itself.
        let requests = (0..<40).map { _ in
            QueryRequest(
                nearest: Self.vector(&random, .float32), limit: 3, filter: Self.filters[1])
        }
        let answers = try collection.watched(requests)
        for (index, answer) in answers.enumerated() {
            let searches = try #require(answer.explanation?.searches)
            #expect(searches.map(\.sharedBy) == [40, 40])
            #expect(searches.map(\.filter?.matchCount) == [70, 30])
            let remembered = searches.map { $0.filter?.source == .remembered }
            #expect(remembered == [index > 0, index > 0])
        }
        try database.close()
    }

    @Test("The first mistake of a batch is its answer; budgets hold for each query")
    func mistakes() throws {
        let (database, collection) = try Self.made(Space(metric: .cosine, datatype: .float32))
        var random = SeededGenerator(seed: 5)
        var requests = (0..<20).map { _ in
            QueryRequest(nearest: Self.vector(&random, .float32), limit: 3)
        }
        var wrong = requests
        wrong[11] = QueryRequest(nearest: [1, 2], limit: 3)
        let expected = #expect(throws: DatabaseError.self) { try collection.query(wrong[11]) }
        let found = #expect(throws: DatabaseError.self) { try collection.query(wrong) }
        #expect(found == expected)
        requests[2].budget.memoryByteCount = 10
        let error = #expect(throws: DatabaseError.self) { try collection.query(requests) }
        #expect(error?.kind == .resourceExhausted)
        let interruption = Interruption()
        interruption.cancel()
        requests[2].budget = QueryBudget()
        Interruption.$current.withValue(interruption) {
            #expect(throws: CancellationError.self) { try collection.query(requests) }
        }
        try database.close()
    }
}
