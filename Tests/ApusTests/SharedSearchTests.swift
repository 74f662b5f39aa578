import Apus
import TestSupport
import Testing

/// Long searches are cut into pieces, which threads that are idle take part in.
@Suite("Searches shared by threads") struct SharedSearchTests {
    private static let dimension = 4
    /// Two segments, the first of more than two pieces.
    private static let counts = [140_000, 70_000]

    private static func vector(_ random: inout SeededGenerator) -> [Float] {
        (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
    }

    private static func squaredDistance(_ left: [Float], _ right: [Float]) -> Float {
        zip(left, right).reduce(0) { sum, pair in
            let difference: Float = pair.0 - pair.1
            return sum + difference * difference
        }
    }

    @Test("An exact search finds the nearest of all pieces, on one thread or on several")
    func exact() async throws {
        var engine = EngineConfiguration()
        engine.mergesInBackground = false
        engine.searchThreads = 4
        let database = try Database.open(
            at: "/db", configuration: engine, fileSystem: SimulatedFileSystem(seed: 1))
        var configuration = CollectionConfiguration(dimension: Self.dimension, metric: .euclid)
        configuration.hnsw.m = 0
        let collection = try database.createCollection("c", configuration)
        var random = SeededGenerator(seed: 1)
        var vectors: [[Float]] = []
        for count in Self.counts {
            let start = vectors.count
            for _ in 0..<count { vectors.append(Self.vector(&random)) }
            for first in stride(from: start, to: vectors.count, by: 10_000) {
                try collection.batch(
                    (first..<first + 10_000).map {
                        Point(id: .number(UInt64($0)), vector: vectors[$0])
                    })
            }
            try collection.sealNow()
        }
        let deleted = Set(
            (0..<vectors.count).filter { $0 % 3 == 0 }.map { PointID.number(UInt64($0)) })
        try collection.remove(Array(deleted))
        for _ in 0..<5 {
            let query = Self.vector(&random)
            var request = QueryRequest(nearest: query, limit: 10)
            request.parameters.exact = true
            let distances = vectors.indices.filter { $0 % 3 != 0 }.map { index in
                (index, Self.squaredDistance(query, vectors[index]))
            }
            let nearest = distances.sorted { $0.1 < $1.1 }.prefix(10)
            let expected = nearest.map { PointID.number(UInt64($0.0)) }
            let shared = try await collection.query(request)
            #expect(shared.map(\.id) == expected)
            #expect(try collection.querySynchronously(request) == shared)
            let explained = try await collection.explain(request)
            #expect(explained.points == shared)
            let searches = try #require(explained.explanation?.searches)
            #expect(searches.map(\.rowCount) == Self.counts)
            #expect(searches.map(\.measuredCount).reduce(0, +) == vectors.count - deleted.count)
        }
        try database.close()
    }
}

extension Collection {
    // The synchronous forms, which Swift does not pick in a task.
    fileprivate func batch(_ points: [Point]) throws { try upsert(points) }
    fileprivate func sealNow() throws { try seal() }
    fileprivate func remove(_ ids: [PointID]) throws { try delete(.ids(ids)) }
    fileprivate func querySynchronously(_ request: QueryRequest) throws -> [ScoredPoint] {
        try query(request)
    }
}
