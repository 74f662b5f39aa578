import Apus
import Foundation
import TestSupport
import Testing

/// A directory of its own for one test, removed at its end.
struct TemporaryDirectory: ~Copyable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "apus-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite("Database")
struct DatabaseTests {
    private func randomVector(
        _ dimension: Int, using generator: inout some RandomNumberGenerator
    ) -> [Float] {
        (0..<dimension).map { _ in Float.random(in: -1...1, using: &generator) }
    }

    @Test("A closed database says so, and lets go of its collections")
    func closing() throws {
        let directory = try TemporaryDirectory()
        weak var collection: Collection?
        do {
            let database = try Database.open(at: directory.path)
            collection = try database.createCollection(
                "c", CollectionConfiguration(dimension: 4, metric: .dot))
            try database.close()
            let error = #expect(throws: DatabaseError.self) { try database.collection("c") }
            #expect(error?.kind == .unavailable)
        }
        #expect(collection == nil)
    }

    @Test("What was upserted is found by search, by id, by scroll and by count")
    func upsertAndRead() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let books = try database.createCollection(
            "books", CollectionConfiguration(dimension: 3, metric: .cosine))
        try await books.upsert([
            Point(id: 1, vector: [0.1, 0.9, 0.2], payload: ["title": "Walden", "year": 1854]),
            Point(id: 2, vector: [0.9, 0.1, 0.2], payload: ["title": "Emma", "year": 1815]),
        ])
        let found = try await books.query(QueryRequest(nearest: [0, 1, 0], limit: 10))
        #expect(found.map(\.id) == [1, 2])
        let records = try await books.retrieve([2, 7])
        #expect(records.map(\.id) == [2])
        #expect(records.first?.payload?["title"] == "Emma")
        #expect(try await books.scroll(ScrollRequest(limit: 1)).nextOffset == 2)
        let path = try #require(PayloadPath("year"))
        let old = Filter(must: [.field(path, .range(NumericRange(lessThan: 1820)))])
        #expect(try await books.count(old) == 1)
        try database.close()
    }

    @Test("A closed and an abandoned database both come back with every acknowledged point")
    func reopen() async throws {
        let directory = try TemporaryDirectory()
        var generator = SeededGenerator(seed: 7)
        let vectors = (0..<3000).map { _ in randomVector(16, using: &generator) }
        do {
            let database = try Database.open(at: directory.path)
            let points = try database.createCollection(
                "p", CollectionConfiguration(dimension: 16, metric: .euclid))
            for start in stride(from: 0, to: 3000, by: 500) {
                try await points.upsert(
                    (start..<(start + 500)).map {
                        Point(
                            id: .number(UInt64($0)), vector: vectors[$0],
                            payload: ["n": .integer(Int64($0))])
                    })
            }
            try await points.delete(.ids([5, 6]))
            try database.close()
        }
        do {
            let database = try Database.open(at: directory.path)
            let points = try database.collection("p")
            #expect(try await points.count() == 2998)
            #expect(points.info().segmentsCount == 2)
            try await points.delete(.ids([7]))
            try await points.upsert([Point(id: 9, vector: vectors[10], payload: [:])])
            let hit = try await points.query(QueryRequest(nearest: vectors[10], limit: 2))
            #expect(Set(hit.map(\.id)) == [9, 10])
            try database.close()
        }
        let database = try Database.open(at: directory.path)
        let points = try database.collection("p")
        #expect(try await points.count() == 2997)
        let record = try await points.retrieve([9, 7, 11], withVectors: .all)
        #expect(record.map(\.id) == [9, 11])
        #expect(record.first?.vectors?[""] == .dense(vectors[10]))
        #expect(record.last?.payload == ["n": 11])
        try database.close()
    }

    @Test("A second open of the same directory is refused")
    func lock() throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        #expect(throws: DatabaseError.self) { _ = try Database.open(at: directory.path) }
        try database.close()
        try Database.open(at: directory.path).close()
    }

    @Test("Graph search over a sealed segment agrees with the exact scan, filters and deletes hold")
    func sealedSearch() async throws {
        let directory = try TemporaryDirectory()
        var generator = SeededGenerator(seed: 11)
        let vectors = (0..<5000).map { _ in randomVector(24, using: &generator) }
        let database = try Database.open(at: directory.path)
        let points = try database.createCollection(
            "p",
            CollectionConfiguration(
                dimension: 24, metric: .dot, hnsw: HNSWConfiguration(fullScanThreshold: 0)))
        for start in stride(from: 0, to: 5000, by: 1000) {
            try await points.upsert(
                (start..<(start + 1000)).map {
                    Point(
                        id: .number(UInt64($0)), vector: vectors[$0],
                        payload: ["group": .integer(Int64($0 % 3))])
                })
        }
        try await database.perform { try points.seal() }
        #expect(points.info().indexedVectorsCount == 5000)
        try await points.delete(.ids((0..<1000).map { PointID.number($0) }))
        let path = try #require(PayloadPath("group"))
        let filter = Filter(must: [.field(path, .matchInteger(1))])
        var found = 0
        for query in vectors.prefix(50) {
            var request = QueryRequest(nearest: query, limit: 10, filter: filter)
            let approximate = try await points.query(request)
            request.parameters.exact = true
            let exact = try await points.query(request)
            #expect(
                exact.allSatisfy {
                    if case .number(let n) = $0.id { n >= 1000 && n % 3 == 1 } else { false }
                })
            found += Set(approximate.map(\.id)).intersection(exact.map(\.id)).count
        }
        #expect(found >= 470)
        try database.close()
    }
}
