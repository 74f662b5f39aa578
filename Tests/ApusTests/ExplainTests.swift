import Apus
import TestSupport
import Testing

@Suite("Explanations of queries") struct ExplainTests {
    private static let rows = 3000
    private static let dimension = 32

    private static func vector(_ random: inout SeededGenerator) -> [Float] {
        (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
    }

    /// A sealed segment and a growing one; `group` has 10 values, `rare` one in 1000 points.
    private static func made() throws -> (Database, Collection) {
        var engine = EngineConfiguration()
        engine.mergesInBackground = false
        let database = try Database.open(
            at: "/db", configuration: engine, fileSystem: SimulatedFileSystem(seed: 1))
        var configuration = CollectionConfiguration(dimension: dimension, metric: .euclid)
        configuration.hnsw.fullScanThreshold = 0
        let collection = try database.createCollection("c", configuration)
        try collection.createPayloadIndex(
            PayloadPath(key: "group"), PayloadFieldSchema(type: .integer))
        var random = SeededGenerator(seed: 1)
        for part in [0..<rows, rows..<(rows + 100)] {
            try collection.upsert(
                part.map { number in
                    Point(
                        id: .number(UInt64(number)), vector: vector(&random),
                        payload: [
                            "group": .integer(Int64(number % 10)),
                            "rare": .bool(number % 1000 == 0),
                        ])
                })
            if part.lowerBound == 0 { try collection.seal() }
        }
        return (database, collection)
    }

    @Test("Each segment tells what was known, chosen and done; the points are those of the query")
    func segments() throws {
        let (database, collection) = try Self.made()
        var random = SeededGenerator(seed: 2)
        var request = QueryRequest(nearest: Self.vector(&random), limit: 5)
        request.parameters.ef = 16
        let answer = try collection.explain(request)
        #expect(answer.points == (try collection.query(request)))
        #expect(try collection.answer(request).explanation == nil)
        let explanation = try #require(answer.explanation)
        #expect(explanation.searches.count == 2)
        let sealed = try #require(explanation.searches.first)
        #expect(sealed.field == "" && sealed.rowCount == Self.rows)
        #expect(sealed.indexedCount == Self.rows && sealed.filter == nil)
        #expect(sealed.chosen.plan == "walk(ef: 16)")
        #expect(sealed.others.contains { $0.plan.hasPrefix("scan of codes") })
        #expect(sealed.others.contains { $0.plan == "scan" })
        #expect(sealed.recallExpected != nil && sealed.foundCount == 5)
        // More than the list, less than everything; of those some by their vectors.
        #expect(sealed.measuredCount > 100 && sealed.measuredCount < Self.rows)
        #expect(sealed.rescoredCount >= 5 && sealed.rescoredCount < sealed.measuredCount)
        #expect(explanation.searches[1].rowCount == 100)
        #expect(explanation.duration >= sealed.duration)
        try database.close()
    }

    @Test("A filter tells how its rows were found, and changes what is chosen")
    func filters() throws {
        let (database, collection) = try Self.made()
        var random = SeededGenerator(seed: 3)
        var request = QueryRequest(nearest: Self.vector(&random), limit: 5)
        request.filter = Filter(
            must: [.field(PayloadPath(key: "group"), .matchInteger(3))])
        func sealed() throws -> SearchExplanation {
            try #require(try collection.explain(request).explanation?.searches.first)
        }
        let first = try sealed()
        #expect(first.filter?.matchCount == 300)
        #expect(first.filter?.source == .evaluated(rowsRead: 0))
        // 300 rows are measured faster than found by a walk.
        #expect(first.chosen.plan.hasPrefix("scan") && first.measuredCount == 300)
        #expect(first.others.allSatisfy { $0.cost >= first.chosen.cost })
        #expect(first.others.contains { $0.plan.hasPrefix("walk around refused") })
        #expect(try sealed().filter?.source == .remembered)
        // A field without an index is looked at in every row, and after one that has an index only
        // in the rows that this leaves.
        let rare = Condition.field(PayloadPath(key: "rare"), .matchBool(true))
        request.filter = Filter(must: [rare])
        #expect(try sealed().filter?.source == .evaluated(rowsRead: Self.rows))
        request.filter = Filter(
            must: [rare, .field(PayloadPath(key: "group"), .matchInteger(0))])
        #expect(try sealed().filter?.source == .evaluated(rowsRead: 300))
        #expect(try sealed().filter?.matchCount == 3)
        request.parameters.exact = true
        #expect(try sealed().chosen.plan == "scan")
        #expect(try sealed().others == [])
        try database.close()
    }

    @Test("The plan that is chosen is among the options, at no more than the others' cost")
    func optionsAgreeWithPlans() throws {
        let (database, collection) = try Self.made()
        var random = SeededGenerator(seed: 4)
        for _ in 0..<60 {
            var request = QueryRequest(nearest: Self.vector(&random), limit: 10)
            request.parameters.ef = [nil, 10, 64, 400].randomElement(using: &random) ?? nil
            let groups = Set((0..<Int64.random(in: 1...10, using: &random)).map { $0 })
            request.filter = Filter(
                must: [.field(PayloadPath(key: "group"), .matchAnyInteger(groups))])
            for search in try #require(try collection.explain(request).explanation).searches {
                #expect(search.chosen.cost > 0)
                #expect(search.others.allSatisfy { $0.cost >= search.chosen.cost }, "\(search)")
            }
        }
        try database.close()
    }
}
