import Apus
import Foundation
import TestSupport
import Testing

@Suite("Queries")
struct QueryTests {
    /// Ten points on a line, with two payload fields.
    private static func line(_ directory: borrowing TemporaryDirectory) async throws -> (
        Database, Collection
    ) {
        let database = try Database.open(at: directory.path)
        let points = try database.createCollection(
            "line", CollectionConfiguration(dimension: 1, metric: .euclid))
        var rows: [Point] = []
        for number in 0..<10 {
            let payload: Payload = [
                "colour": number % 2 == 0 ? "red" : "blue", "rank": .integer(Int64(9 - number)),
            ]
            rows.append(
                Point(id: .number(UInt64(number)), vector: [Float(number)], payload: payload))
        }
        try await points.upsert(rows)
        return (database, points)
    }

    @Test("Threshold, offset and limit cut the ranking; distances ascend")
    func cuts() async throws {
        let directory = try TemporaryDirectory()
        let (database, points) = try await Self.line(directory)
        var request = QueryRequest(nearest: [0], limit: 3)
        request.offset = 2
        #expect(try await points.query(request).map(\.id) == [2, 3, 4])
        request.scoreThreshold = 3
        #expect(try await points.query(request).map(\.score) == [2, 3])
        request.limit = 999_999_999
        request.scoreThreshold = nil
        #expect(try await points.query(request).count == 8)
        try database.close()
    }

    @Test("A query by id leaves the point itself out; an unknown id is an error")
    func byID() async throws {
        let directory = try TemporaryDirectory()
        let (database, points) = try await Self.line(directory)
        let found = try await points.query(QueryRequest(query: .nearest(.id(4)), limit: 2))
        #expect(found.map(\.id) == [3, 5])
        let error = await #expect(throws: DatabaseError.self) {
            _ = try await points.query(QueryRequest(query: .nearest(.id(77))))
        }
        #expect(error?.kind == .notFound)
        try database.close()
    }

    @Test("A prefetch restricts what the outer query ranks; fusion merges rankings")
    func prefetch() async throws {
        let directory = try TemporaryDirectory()
        let (database, points) = try await Self.line(directory)
        let near = Prefetch(query: .nearest(.vector(.dense([0]))), limit: 3)
        let far = Prefetch(query: .nearest(.vector(.dense([2]))), limit: 3)
        let rescored = QueryRequest(query: .nearest(.vector(.dense([9]))), prefetch: [near])
        #expect(try await points.query(rescored).map(\.id) == [2, 1, 0])
        let fused = try await points.query(
            QueryRequest(query: .fusion(.reciprocalRank), prefetch: [near, far]))
        // near: 0 1 2; far: 2 1 3 (ties by id): 2 is third and first, 1 is second twice.
        #expect(fused.map(\.id) == [2, 1, 0, 3])
        #expect(abs(fused[0].score - (1.0 / 4 + 1.0 / 2)) < 1e-6)
        await #expect(throws: DatabaseError.self) {
            _ = try await points.query(QueryRequest(query: .fusion(.reciprocalRank)))
        }
        await #expect(throws: DatabaseError.self) {
            _ = try await points.query(QueryRequest(prefetch: [near]))
        }
        try database.close()
    }

    @Test("Groups keep the best points of each value, and look up their record")
    func groups() async throws {
        let directory = try TemporaryDirectory()
        let (database, points) = try await Self.line(directory)
        let colour = try #require(PayloadPath("colour"))
        let groups = try await points.groups(
            GroupsRequest(
                query: QueryRequest(nearest: [3], limit: 5), groupBy: colour, groupSize: 2))
        #expect(groups.map(\.id) == [.string("blue"), .string("red")])
        #expect(groups.map { $0.hits.map(\.id) } == [[3, 1], [2, 4]])
        try database.close()
    }

    @Test("Scroll pages cover every point once, by id; order_by sorts by a field")
    func scroll() async throws {
        let directory = try TemporaryDirectory()
        let (database, points) = try await Self.line(directory)
        var seen: [PointID] = []
        var next: PointID? = 0
        while let offset = next {
            let page = try await points.scroll(ScrollRequest(offset: offset, limit: 3))
            seen += page.points.map(\.id)
            next = page.nextOffset
        }
        #expect(seen == (0..<10).map { PointID.number($0) })
        let rank = try #require(PayloadPath("rank"))
        let unindexed = await #expect(throws: DatabaseError.self) {
            _ = try await points.scroll(ScrollRequest(limit: 2, orderBy: OrderBy(key: rank)))
        }
        #expect(unindexed?.kind == .invalidArgument)
        try points.createPayloadIndex(rank, PayloadFieldSchema(type: .integer))
        let ordered = try await points.scroll(
            ScrollRequest(limit: 2, orderBy: OrderBy(key: rank)))
        #expect(ordered.points.map(\.id) == [9, 8])
        #expect(ordered.points.map(\.orderValue) == [.integer(0), .integer(1)])
        try database.close()
    }

    @Test("A filter that matches few points finds all of them, whatever the graph looks like")
    func selectiveFilter() async throws {
        let directory = try TemporaryDirectory()
        var generator = SeededGenerator(seed: 3)
        let database = try Database.open(at: directory.path)
        let points = try database.createCollection(
            "p",
            CollectionConfiguration(
                dimension: 8, metric: .euclid, hnsw: HNSWConfiguration(fullScanThreshold: 0)))
        try await points.upsert(
            (0..<4000).map { number in
                Point(
                    id: .number(UInt64(number)),
                    vector: (0..<8).map { _ in Float.random(in: 0...1, using: &generator) },
                    payload: number % 400 == 0 ? ["rare": true] : [:])
            })
        try await database.perform { try points.waitUntilIndexed() }
        let rare = try #require(PayloadPath("rare"))
        let found = try await points.query(
            QueryRequest(
                nearest: [0, 0, 0, 0, 0, 0, 0, 0], limit: 50,
                filter: Filter(must: [.field(rare, .matchBool(true))])))
        #expect(found.count == 10)
        try database.close()
    }
}
