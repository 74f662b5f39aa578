import Apus
import Foundation
import TestSupport
import Testing

@Suite("Writes")
struct WriteTests {
    private static func open(
        _ directory: borrowing TemporaryDirectory,
        _ configuration: CollectionConfiguration = CollectionConfiguration(
            dimension: 2, metric: .euclid)
    ) throws -> (Database, Collection) {
        let database = try Database.open(at: directory.path)
        return (database, try database.createCollection("c", configuration))
    }

    @Test("A batch with one bad point changes nothing and names the point")
    func badPoint() async throws {
        let directory = try TemporaryDirectory()
        let (database, points) = try Self.open(directory)
        try await points.upsert([Point(id: 1, vector: [1, 1])])
        let bad: [(Point, String)] = [
            (Point(id: 3, vector: [1, 2, 3]), "expected dim: 2, got 3"),
            (Point(id: 3, vector: [.nan, 1]), "point 3"),
            (Point(id: 3, vector: [1, -.infinity]), "position 1"),
            (Point(id: 3, vectors: ["other": .dense([1, 2])]), "Not existing vector name error"),
            (
                Point(id: 3, vectors: ["": .sparse(SparseVector(indices: [1], values: [1]))]),
                "takes dense vectors"
            ),
        ]
        for (point, text) in bad {
            let error = await #expect(throws: DatabaseError.self) {
                try await points.upsert([Point(id: 2, vector: [0, 0]), point])
            }
            #expect(error?.message.contains(text) == true, "\(String(describing: error))")
            #expect(try await points.count() == 1)
        }
        try database.close()
    }

    @Test("A zero vector is refused under cosine and welcome elsewhere")
    func zeroVector() async throws {
        let directory = try TemporaryDirectory()
        let (database, points) = try Self.open(directory)
        try await points.upsert([Point(id: 1, vector: [0, 0])])
        let angles = try database.createCollection(
            "angles", CollectionConfiguration(dimension: 2, metric: .cosine))
        await #expect(throws: DatabaseError.self) {
            try await angles.upsert([Point(id: 1, vector: [0, 0])])
        }
        try await angles.upsert([
            Point(id: 1, vector: [1e-30, 0]), Point(id: 2, vector: [1e30, 0]),
        ])
        let stored = try await angles.retrieve([1, 2], withVectors: .all)
        #expect(stored.allSatisfy { $0.vectors?[""] == .dense([1, 0]) })
        try database.close()
    }

    @Test("Operations of one call see each other's results, in order")
    func operationsInOrder() async throws {
        let directory = try TemporaryDirectory()
        let (database, points) = try Self.open(directory)
        let kind = try #require(PayloadPath("kind"))
        _ = try await points.write([
            .upsert([
                Point(id: 1, vector: [1, 0], payload: ["kind": "a", "n": 1]),
                Point(id: 2, vector: [2, 0], payload: ["kind": "b"]),
                Point(id: 1, vector: [3, 0], payload: ["kind": "a", "n": 3]),
            ]),
            .setPayload(
                ["x": true], key: nil, .filter(Filter(must: [.field(kind, .matchKeyword("a"))]))),
            .deletePayload(keys: [kind], .ids([1])),
            .updateVectors([PointVectors(id: 2, vectors: ["": .dense([5, 5])])]),
            .delete(.filter(Filter(must: [.field(kind, .matchKeyword("a"))]))),
        ])
        let records = try await points.retrieve([1, 2], withVectors: .all)
        #expect(records.count == 2)
        #expect(records[0].payload == ["n": 3, "x": true])
        #expect(records[0].vectors?[""] == .dense([3, 0]))
        #expect(records[1].vectors?[""] == .dense([5, 5]))
        #expect(records[1].payload == ["kind": "b"])
        await #expect(throws: DatabaseError.self) {
            _ = try await points.write([
                .upsert([Point(id: 9, vector: [0, 0])]),
                .setPayload(["y": 1], key: nil, .ids([77])),
            ])
        }
        #expect(try await points.count() == 2)
        _ = try await points.write([.clearPayload(.ids([1])), .delete(.filter(Filter()))])
        #expect(try await points.count() == 0)
        try database.close()
    }

    @Test("What was acknowledged is there after a crash, whole batches only")
    func crash() async throws {
        let directory = try TemporaryDirectory()
        let (database, points) = try Self.open(directory)
        var copies: [(path: String, acknowledged: Int)] = []
        for batch in 0..<20 {
            try await points.upsert(
                (0..<50).map {
                    Point(
                        id: .number(UInt64($0)), vector: [Float(batch), Float($0)],
                        payload: ["batch": .integer(Int64(batch))])
                })
            if batch == 10 { try await database.perform { try points.seal() } }
            guard batch % 3 == 0 else { continue }
            // What the disk holds at this moment is what a crash would leave.
            let copy = directory.path + "-copy-\(batch)"
            try FileManager.default.copyItem(atPath: directory.path, toPath: copy)
            copies.append((copy, batch))
        }
        try database.close()
        for (path, batch) in copies {
            defer { try? FileManager.default.removeItem(atPath: path) }
            let database = try Database.open(at: path)
            let records = try await database.collection("c").retrieve(
                (0..<50).map { PointID.number($0) }, withVectors: .all)
            #expect(records.count == 50)
            #expect(records.allSatisfy { $0.payload == ["batch": .integer(Int64(batch))] })
            try database.close()
        }
    }

    @Test("Points may lack some vectors; the missing ones are not found and not returned")
    func namedVectors() async throws {
        let directory = try TemporaryDirectory()
        var configuration = CollectionConfiguration(vectors: [
            "image": DenseVectorConfiguration(dimension: 2, metric: .dot),
            "text": DenseVectorConfiguration(dimension: 3, metric: .cosine),
            "tokens": DenseVectorConfiguration(dimension: 2, metric: .dot, isMultiVector: true),
        ])
        configuration.sparseVectors = ["words": SparseVectorConfiguration()]
        let (database, points) = try Self.open(directory, configuration)
        try await points.upsert([
            Point(id: 1, vectors: ["image": .dense([1, 0]), "text": .dense([0, 3, 4])]),
            Point(id: 2, vectors: ["image": .dense([9, 9])]),
            Point(
                id: 3,
                vectors: [
                    "words": .sparse(SparseVector(indices: [7, 3], values: [2, 1])),
                    "tokens": .multi([[1, 0], [0, 1]]),
                ]),
        ])
        for isSealed in [false, true] {
            if isSealed { try await database.perform { try points.seal() } }
            var query = QueryRequest(query: .nearest(.vector(.dense([0, 1, 0]))), using: "text")
            #expect(try await points.query(query).map(\.id) == [1])
            query = QueryRequest(query: .nearest(.vector(.dense([1, 1]))), using: "image")
            #expect(try await points.query(query).map(\.id) == [2, 1])
            query = QueryRequest(
                query: .nearest(.vector(.sparse(SparseVector(indices: [3, 9], values: [4, 1])))),
                using: "words")
            #expect(try await points.query(query).map(\.score) == [4])
            query = QueryRequest(
                query: .nearest(.vector(.multi([[2, 0], [0, 3]]))), using: "tokens")
            #expect(try await points.query(query).map(\.score) == [5])
            #expect(try await points.count(Filter(must: [.hasVector("image")])) == 2)
            #expect(try await points.count(Filter(must: [.hasVector("words")])) == 1)
            let record = try await points.retrieve([1], withVectors: .all).first
            #expect(record?.vectors?["text"] == .dense([0, 0.6, 0.8]))
            #expect(record?.vectors?.count == 2)
        }
        _ = try await points.write([.deleteVectors(names: ["image"], .ids([2]))])
        #expect(try await points.count(Filter(must: [.hasVector("image")])) == 1)
        try database.close()
    }

    @Test("A reader sees all of a batch or nothing of it, while writers go on")
    func atomicReads() async throws {
        let directory = try TemporaryDirectory()
        let (database, points) = try Self.open(directory)
        let batchSize = 64
        @Sendable func batch(_ number: Int) -> [Point] {
            (0..<batchSize).map {
                Point(
                    id: .number(UInt64($0)), vector: [Float($0), Float(number)],
                    payload: ["batch": .integer(Int64(number))])
            }
        }
        try await points.upsert(batch(0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for number in 1...60 {
                    try await points.upsert(batch(number))
                    // Segments turn into files between one read and the next.
                    if number % 6 == 0 { try await database.perform { try points.seal() } }
                }
            }
            for _ in 0..<2 {
                group.addTask {
                    for _ in 0..<60 {
                        let page = try await points.scroll(ScrollRequest(limit: 1000))
                        #expect(page.points.count == batchSize)
                        #expect(Set(page.points.map { $0.payload?["batch"] }).count == 1)
                        let found = try await points.query(
                            QueryRequest(nearest: [0, 0], limit: batchSize))
                        #expect(Set(found.map(\.id)).count == batchSize)
                    }
                }
            }
            try await group.waitForAll()
        }
        try database.close()
    }
}
