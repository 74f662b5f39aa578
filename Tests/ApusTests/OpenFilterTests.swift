import Apus
import ApusCore
import ApusStorage
import TestSupport
import Testing

/// Filters whose rows would take longer to find than the answers take to look at.
@Suite("Filters that are asked of answers") struct OpenFilterTests {
    private static let rows = 6000
    private static let dimension = 8

    private static func vector(_ seed: Int) -> [Float] {
        var generator = SeededGenerator(seed: UInt64(seed))
        return (0..<dimension).map { _ in Float.random(in: -1...1, using: &generator) }
    }

    /// `even`: of every second row; `rare`: of one in a thousand; `right`: of those whose first
    /// component is positive.
    private static func filled(isSealed: Bool = true) throws -> Collection {
        let disk = SimulatedFileSystem(seed: 1)
        var configuration = EngineConfiguration()
        configuration.mergesInBackground = false
        let database = try Database.open(at: "/db", configuration: configuration, fileSystem: disk)
        let collection = try database.createCollection(
            "c", CollectionConfiguration(dimension: dimension, metric: .euclid))
        try collection.upsert(
            (0..<rows).map { row in
                let vector = vector(row)
                return Point(
                    id: .number(UInt64(row)), vector: vector,
                    payload: [
                        "even": .bool(row % 2 == 0), "rare": .bool(row % 1000 == 0),
                        "right": .bool(vector[0] > 0), "row": .integer(Int64(row)),
                    ])
            })
        try collection.waitUntilIndexed()
        if isSealed { try collection.seal() }
        return collection
    }

    private static func filter(_ key: String) -> Filter {
        Filter(must: [.field(PayloadPath(key: key), .matchBool(true))])
    }

    private static func request(_ query: [Float], _ filter: Filter) -> QueryRequest {
        var request = QueryRequest(nearest: query, limit: 10)
        request.filter = filter
        return request
    }

    private static func source(
        _ collection: Collection, _ request: QueryRequest
    ) throws -> SearchExplanation.FilterSource? {
        try collection.explain(request).explanation?.searches.first?.filter?.source
    }

    private static func found(
        _ collection: Collection, _ request: QueryRequest, exact: Bool = false
    ) throws -> [PointID] {
        var request = request
        request.parameters.exact = exact
        return try collection.query(request).map(\.id)
    }

    @Test("They are right, and its rows are found when it is asked again and again")
    func asked() throws {
        let collection = try Self.filled()
        var sources: [SearchExplanation.FilterSource] = []
        var hits = 0
        let count = 100
        for number in 0..<count {
            let request = Self.request(Self.vector(50_000 + number), Self.filter("even"))
            let answer = try collection.explain(request)
            let search = try #require(answer.explanation?.searches.first)
            let filter = try #require(search.filter)
            sources.append(filter.source)
            if case .askedOfAnswers(let rowsRead) = filter.source {
                #expect(search.chosen.plan.hasPrefix("walk, then filter("))
                #expect(rowsRead >= 10 && rowsRead < 200)
                let estimate = try #require(filter.estimate)
                #expect(estimate.min == 0 && estimate.max == Self.rows)
                #expect(abs(estimate.expected - Double(Self.rows / 2)) < 1000)
            }
            #expect(answer.points.count == 10)
            for point in answer.points {
                guard case .number(let id) = point.id else { continue }
                #expect(id % 2 == 0)
            }
            if number < 20 {
                // Another filter of the same meaning: an exact search finds its rows.
                var exact = Self.filter("even")
                exact.mustNot = [.hasID([.number(9_999_999)])]
                let truth = Set(
                    try Self.found(
                        collection, Self.request(Self.vector(50_000 + number), exact),
                        exact: true))
                hits += answer.points.count { truth.contains($0.id) }
            }
        }
        #expect(hits >= 190)
        guard case .askedOfAnswers = sources.first else {
            Issue.record("\(sources)")
            return
        }
        #expect(sources.last == .remembered)
        #expect(sources.contains(.evaluated(rowsRead: Self.rows)))
    }

    @Test("Few rows that match are found first")
    func rare() throws {
        let collection = try Self.filled()
        let request = Self.request(Self.vector(60_000), Self.filter("rare"))
        #expect(
            try Self.source(collection, request) == .evaluated(rowsRead: Self.rows))
        #expect(try Self.found(collection, request).count == 6)
    }

    @Test("Where the nearest do not match, the rows are found after all")
    func against() throws {
        let collection = try Self.filled()
        // What is nearest to it lies on the other side.
        let request = Self.request([-3, 0, 0, 0, 0, 0, 0, 0], Self.filter("right"))
        let answer = try collection.explain(request)
        let filter = try #require(answer.explanation?.searches.first?.filter)
        #expect(filter.source == .evaluated(rowsRead: Self.rows))
        #expect(answer.points.map(\.id) == (try Self.found(collection, request, exact: true)))
    }

    @Test("Rows that an index knows are taken from it")
    func indexed() throws {
        let collection = try Self.filled(isSealed: false)
        try collection.createPayloadIndex(
            PayloadPath(key: "even"), PayloadFieldSchema(type: .bool))
        try collection.seal()
        let request = Self.request(Self.vector(70_000), Self.filter("even"))
        let filter = try #require(
            try collection.explain(request).explanation?.searches.first?.filter)
        #expect(filter.source == .evaluated(rowsRead: 0))
        #expect(filter.matchCount == Self.rows / 2)
        #expect(filter.estimate == .exactly(Self.rows / 2))
    }

    @Test("Where the rows were found before, only those that came since are looked at")
    func growing() throws {
        let collection = try Self.filled(isSealed: false)
        let request = Self.request(Self.vector(75_000), Self.filter("even"))
        _ = try Self.found(collection, request, exact: true)
        #expect(try Self.source(collection, request) == .remembered)
        try collection.upsert(
            (Self.rows..<Self.rows + 10).map {
                Point(
                    id: .number(UInt64($0)), vector: Self.vector($0), payload: ["even": .bool(true)]
                )
            })
        #expect(try Self.source(collection, request) == .evaluated(rowsRead: 10))
    }

    @Test("Exact searches, and candidates of another search, find the rows first")
    func exact() throws {
        let collection = try Self.filled()
        var request = Self.request(Self.vector(80_000), Self.filter("even"))
        request.parameters.exact = true
        #expect(try Self.source(collection, request) == .evaluated(rowsRead: Self.rows))
    }

    @Test("Counts that need not be exact")
    func counts() throws {
        let collection = try Self.filled()
        let even = Self.filter("even")
        let sampled = try collection.count(even, exact: false)
        #expect(abs(sampled - Self.rows / 2) < 1000)
        #expect(try collection.count(even) == Self.rows / 2)
        // Now it is known.
        #expect(try collection.count(even, exact: false) == Self.rows / 2)
        try collection.delete(.ids((0..<1000).map { .number(UInt64($0)) }))
        #expect(try collection.count(even, exact: false) == Self.rows / 2 - 500)
        let right = try collection.count(Self.filter("right"), exact: false)
        #expect(abs(right - 2500) < 1000)
        #expect(try collection.count(exact: false) == 5000)
    }
}
