import Apus
import TestSupport
import Testing

@Suite("Searches among several vectors a point") struct MultiVectorTests {
    private static let dimension = 20
    /// More than one piece of work in the first segment.
    private static let counts = [1300, 200]

    private struct Known {
        var parts: [[Float]]?
        var isLive = true
        var isEven: Bool
    }

    /// Whole numbers, so that every datatype keeps them.
    private static func parts(_ random: inout SeededGenerator) -> [[Float]] {
        (0..<Int.random(in: 1...6, using: &random)).map { _ in
            (0..<dimension).map { _ in Float(Int.random(in: 1...200, using: &random)) }
        }
    }

    /// What a pair is worth, higher for closer, in plain arithmetic.
    private static func similarity(_ left: [Float], _ right: [Float], _ metric: Metric) -> Double {
        let pairs = zip(left, right).map { (Double($0), Double($1)) }
        func dot(_ pairs: [(Double, Double)]) -> Double { pairs.reduce(0) { $0 + $1.0 * $1.1 } }
        switch metric {
        case .dot: return dot(pairs)
        case .cosine:
            return dot(pairs)
                / (dot(pairs.map { ($0.0, $0.0) }) * dot(pairs.map { ($0.1, $0.1) })).squareRoot()
        case .euclid: return -pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        case .manhattan: return -pairs.reduce(0) { $0 + abs($1.0 - $1.1) }
        }
    }

    @Test(
        "MaxSim is what its definition says: in files and in memory, with deleted rows and a filter",
        arguments: [Metric.cosine, .dot, .euclid, .manhattan],
        [VectorDatatype.float32, .float16, .uint8])
    func maximalSimilarity(metric: Metric, datatype: VectorDatatype) throws {
        var engine = EngineConfiguration()
        engine.mergesInBackground = false
        let database = try Database.open(
            at: "/db", configuration: engine, fileSystem: SimulatedFileSystem(seed: 1))
        var configuration = CollectionConfiguration(
            vectors: [
                "many": DenseVectorConfiguration(
                    dimension: Self.dimension, metric: metric, datatype: datatype,
                    isMultiVector: true)
            ])
        configuration.sparseVectors["and"] = SparseVectorConfiguration()
        let collection = try database.createCollection("c", configuration)
        var random = SeededGenerator(seed: 7)
        var known: [Known] = []
        for count in Self.counts {
            let start = known.count
            let points = (start..<start + count).map { number -> Point in
                let parts = number % 10 == 3 ? nil : Self.parts(&random)
                known.append(Known(parts: parts, isEven: number % 2 == 0))
                var vectors: [String: Vector] = [
                    "and": .sparse(SparseVector(indices: [UInt32(number % 5)], values: [1]))
                ]
                vectors["many"] = parts.map(Vector.multi)
                return Point(
                    id: .number(UInt64(number)), vectors: vectors,
                    payload: ["even": .bool(number % 2 == 0)])
            }
            try collection.upsert(points)
            if start == 0 { try collection.seal() }
        }
        let deleted = (0..<known.count).filter { $0 % 7 == 0 }
        for number in deleted { known[number].isLive = false }
        try collection.delete(.ids(deleted.map { .number(UInt64($0)) }))
        for onlyEven in [false, true] {
            let query = Self.parts(&random)
            var request = QueryRequest(limit: 5)
            request.query = .nearest(.vector(.multi(query)))
            request.using = "many"
            if onlyEven {
                request.filter = Filter(
                    must: [.field(PayloadPath(key: "even"), .matchBool(true))])
            }
            let scores = known.indices.reduce(into: [PointID: Double]()) { scores, number in
                let point = known[number]
                guard point.isLive, !onlyEven || point.isEven, let parts = point.parts else {
                    return
                }
                let sum = query.reduce(0.0) { sum, query in
                    sum + (parts.map { Self.similarity(query, $0, metric) }.max() ?? 0)
                }
                scores[.number(UInt64(number))] =
                    switch metric {
                    case .cosine, .dot: sum
                    case .euclid: (-sum).squareRoot()
                    case .manhattan: -sum
                    }
            }
            let best = scores.values.sorted().prefix(5)
            let expected =
                metric == .cosine || metric == .dot
                ? Array(scores.values.sorted().reversed().prefix(5)) : Array(best)
            let found = try collection.query(request)
            #expect(found.count == 5)
            // Halves of length 1 are rounded: near neighbours may change places.
            for (point, expected) in zip(found, expected) {
                let tolerance = 2e-3 * max(1, abs(expected))
                let own = try #require(scores[point.id])
                #expect(abs(Double(point.score) - own) <= tolerance)
                #expect(abs(own - expected) <= tolerance)
            }
        }
        try database.close()
    }
}
