import Apus
import ApusQuery
import TestSupport
import Testing

@Suite("Queries by examples, and varied ones") struct ExampleQueryTests {
    @Test func contextsScoreZeroWhereTheyHold() {
        #expect(ExampleScore.context.score([2, 1, 3, 0.5]) == 0)
        let missed = ExampleScore.context.score([1, 2, 3, 0])
        #expect(abs(missed + 0.5) < 1e-5)
        #expect(ExampleScore.context.score([1, 1]) < 0)
        #expect(ExampleScore.context.score([]) == 0)
    }

    @Test func discoveriesRankByPairsFirst() {
        let form = ExampleScore.discovery
        #expect(form.score([0]) == 0.5)
        #expect(form.score([1, 2, 1, 2, 1]) == 2.75)
        #expect(form.score([1, 2, 1, 1, 2]) == 0.75)
        #expect(form.score([1, 2, 2]) == 0.75)
        #expect(form.score([100, 1, 2]) < form.score([-100, 2, 1]))
    }

    @Test func feedbackMovesScoresTowardsTheBetter() {
        let form = ExampleScore.feedback(target: 0.5, pairs: [2, 1])
        #expect(form.score([4, 3, 1, 0, 1]) == 2 + 4 - 1)
    }

    @Test func varietyTradesRelevance() {
        // Two alike, and one that is less relevant and unlike them.
        let vectors: [[Float]] = [[1, 0], [1, 0.01], [0.6, 0.8]]
        func picks(_ diversity: Float, limit: Int = 3) -> [Int] {
            MarginalRelevance(diversity: diversity).picks(among: 3, limit: limit) {
                vectors[$0][0]
            } similarity: {
                vectors[$0][0] * vectors[$1][0] + vectors[$0][1] * vectors[$1][1]
            }
        }
        #expect(picks(0) == [0, 1, 2])
        #expect(picks(0.9) == [0, 2, 1])
        #expect(picks(1, limit: 2) == [0, 2])
        #expect(picks(0.5, limit: 0) == [])
        #expect(
            MarginalRelevance().picks(among: 0, limit: 3, relevance: { _ in 0 }) { _, _ in 0 }
                == [])
    }

    private static func line(_ disk: SimulatedFileSystem) throws -> (Database, Collection) {
        let database = try Database.open(
            at: "/db", configuration: EngineConfiguration(), fileSystem: disk)
        let points = try database.createCollection(
            "line", CollectionConfiguration(dimension: 1, metric: .euclid))
        try points.upsert(
            (0..<10).map { Point(id: .number($0), vector: [Float($0)], payload: ["n": 1]) })
        return (database, points)
    }

    @Test("Examples that are points are left out, those of other collections are not")
    func examplesAreLeftOut() throws {
        let (database, points) = try Self.line(SimulatedFileSystem(seed: 1))
        let pair = ContextPair(positive: .id(9), negative: .id(0))
        let discovery = Query.discover(target: .id(5), [pair])
        #expect(try points.query(QueryRequest(query: discovery)).map(\.id).count == 7)
        let best = try points.query(QueryRequest(query: discovery, limit: 2))
        #expect(best.map(\.id) == [6, 7])
        #expect(best[0].score > 1)
        var elsewhere = QueryRequest(query: discovery)
        elsewhere.lookupFrom = LookupLocation(collection: "line")
        #expect(try points.query(elsewhere).count == 10)
        let feedback = Query.relevanceFeedback(
            target: .vector(.dense([5])), [FeedbackItem(example: .id(3), score: 1)],
            FeedbackWeights(a: 1, b: 1, c: 1))
        #expect(try points.query(QueryRequest(query: feedback)).map(\.id).contains(3) == false)
        try database.close()
    }

    @Test("A prefetch is ranked by examples, by a formula and with variety")
    func overPrefetches() throws {
        let (database, points) = try Self.line(SimulatedFileSystem(seed: 1))
        let near = Prefetch(query: .nearest(.vector(.dense([0]))), limit: 4)
        let pair = ContextPair(
            positive: .vector(.dense([9])), negative: .vector(.dense([-9])))
        let context = QueryRequest(query: .context([pair]), prefetch: [near])
        #expect(Set(try points.query(context).map(\.id)) == [0, 1, 2, 3])
        let formula = Formula(.function(.negation, .variable(.score(0))))
        let rescored = try points.query(
            QueryRequest(query: .formula(formula), prefetch: [near], limit: 2))
        #expect(rescored.map(\.id) == [0, 1])
        #expect(rescored.map(\.score) == [0, -1])
        let varied = QueryRequest(
            query: .diverse(.vector(.dense([0])), MarginalRelevance(diversity: 1)),
            prefetch: [near], limit: 2)
        #expect(try points.query(varied).map(\.id) == [0, 1])
        let wide = QueryRequest(
            query: .diverse(
                .vector(.dense([0])), MarginalRelevance(diversity: 1, candidatesLimit: 10)),
            limit: 2)
        #expect(try points.query(wide).map(\.id) == [0, 9])
        try database.close()
    }

    @Test("Questions that make no sense are errors")
    func nonsense() throws {
        let (database, points) = try Self.line(SimulatedFileSystem(seed: 1))
        let near = Prefetch(query: .nearest(.vector(.dense([0]))))
        let weighted = Query.fusion(.reciprocalRank(k: 2, weights: [1, 2]))
        let wrong: [(QueryRequest, DatabaseError.Kind)] = [
            (QueryRequest(query: .context([])), .validation),
            (
                QueryRequest(
                    query: .relevanceFeedback(
                        target: .id(1), [], FeedbackWeights(a: 1, b: 1, c: 1))), .validation
            ),
            (QueryRequest(query: .formula(Formula(.constant(1)))), .invalidArgument),
            (QueryRequest(query: weighted, prefetch: [near]), .invalidArgument),
            (
                QueryRequest(query: .diverse(.id(1), MarginalRelevance(diversity: 1.5))),
                .validation
            ),
            (
                QueryRequest(query: .diverse(.id(1), MarginalRelevance(candidatesLimit: 20_000))),
                .validation
            ),
            (QueryRequest(query: .discover(target: .id(77), [])), .notFound),
        ]
        for (request, kind) in wrong {
            let error = #expect(throws: DatabaseError.self) { try points.query(request) }
            #expect(error?.kind == kind, "\(String(describing: error))")
        }
        try database.close()
    }

    @Test("A matrix has each drawn point with its neighbours among the drawn")
    func matrix() throws {
        let (database, points) = try Self.line(SimulatedFileSystem(seed: 1))
        let matrix = try points.matrix(MatrixRequest(sample: 100, limit: 2))
        #expect(matrix.ids == (0..<10).map { .number($0) })
        for (row, entries) in matrix.rows.enumerated() {
            #expect(entries.map(\.score) == (row == 0 || row == 9 ? [1, 2] : [1, 1]))
            #expect(!entries.map(\.column).contains(row))
        }
        let few = Filter(must: [.hasID([4])])
        #expect(try points.matrix(MatrixRequest(filter: few)) == DistanceMatrix())
        #expect(try points.matrix(MatrixRequest(sample: 3)).ids.count == 3)
        for request in [
            MatrixRequest(sample: 1), MatrixRequest(limit: 0), MatrixRequest(using: "x"),
        ] {
            #expect(throws: DatabaseError.self) { try points.matrix(request) }
        }
        try database.close()
    }
}
