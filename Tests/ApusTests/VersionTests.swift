import Apus
import Synchronization
import TestSupport
import Testing

@Suite("Versions that readers keep")
struct VersionTests {
    private static let pointCount = 400
    private static let colour = PayloadPath(key: "colour")
    private static let rank = PayloadPath(key: "rank")

    /// A collection with dense, sparse and multi vectors and payload, its points written in two
    /// batches with a sealed segment between them.
    private static func filled(_ database: Database) async throws -> Collection {
        var configuration = CollectionConfiguration(dimension: 4, metric: .euclid)
        configuration.sparseVectors["words"] = SparseVectorConfiguration()
        configuration.vectors["parts"] = DenseVectorConfiguration(
            dimension: 2, metric: .dot, isMultiVector: true)
        let points = try database.createCollection("points", configuration)
        _ = try await database.perform {
            try points.createPayloadIndex(rank, PayloadFieldSchema(type: .integer))
        }
        try await points.upsert((0..<pointCount / 2).map(first))
        try await database.perform { try points.seal() }
        try await points.upsert((pointCount / 2..<pointCount).map(first))
        return points
    }

    private static func first(_ number: Int) -> Point {
        Point(
            id: .number(UInt64(number)),
            vectors: [
                "": .dense([Float(number), 1, 2, 3]),
                "words": .sparse(
                    SparseVector(indices: [UInt32(number % 7)], values: [Float(1 + number)])),
                "parts": .multi([[1, Float(number)], [Float(number), 1]]),
            ],
            payload: [
                "colour": number % 3 == 0 ? "red" : "blue",
                "rank": .integer(Int64(pointCount - number)),
            ])
    }

    private static func second(_ number: Int) -> Point {
        Point(
            id: .number(UInt64(number)), vectors: ["": .dense([-1, Float(number), 0, 0])],
            payload: ["colour": "green", "rank": .integer(Int64(number))])
    }

    /// Every page of a walk, with everything that points carry.
    private static func pages(
        _ points: Collection, _ version: ReadVersion, filter: Filter? = nil,
        between: (Int) async throws -> Void = { _ in }
    ) async throws -> [Record] {
        var records: [Record] = []
        var request = ScrollRequest(
            limit: 37, filter: filter, withVectors: .all, version: version)
        for page in 0... {
            let found = try await points.scroll(request)
            records += found.points
            guard let next = found.nextOffset else { break }
            request.offset = next
            request.version = version == .latest ? .latest : .number(found.version)
            try await between(page)
        }
        return records
    }

    @Test("Pages of one version show one state, whatever is written, deleted and sealed meanwhile")
    func pagesOfOneVersion() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let points = try await Self.filled(database)
        let before = try await Self.pages(points, .latest)
        #expect(before.count == Self.pointCount)

        let walked = try await Self.pages(points, .pin) { page in
            switch page {
            case 0: try await points.upsert((0..<300).map(Self.second))
            case 1: try await database.perform { try points.seal() }
            case 2: try await points.delete(.ids((100..<400).map { .number($0) }))
            case 3: try await points.upsert((500..<700).map(Self.second))
            case 4: try await database.perform { try points.seal() }
            case 5: try await points.delete(.filter(Filter()))
            default: break
            }
        }
        #expect(walked == before)
        #expect(try await points.count() == 0)
        try database.close()
    }

    @Test("While a writer rewrites everything again and again, every walk shows one of its batches")
    func walksBesideAWriter() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let points = try database.createCollection(
            "points", CollectionConfiguration(dimension: 1, metric: .dot))
        let ids = 0..<200
        // One batch is one generation: a mixture of two is no version.
        func write(_ generation: Int) async throws {
            try await points.upsert(
                ids.map {
                    Point(
                        id: .number(UInt64($0)), vector: [1],
                        payload: ["generation": .integer(Int64(generation))])
                })
        }
        try await write(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for generation in 1...15 {
                    try await write(generation)
                    if generation % 7 == 0 { try await database.perform { try points.seal() } }
                }
            }
            for _ in 0..<3 {
                group.addTask {
                    for _ in 0..<3 {
                        let records = try await Self.pages(points, .pin)
                        #expect(records.map(\.id) == ids.map { .number(UInt64($0)) })
                        #expect(Set(records.map { $0.payload?["generation"] }).count == 1)
                    }
                }
            }
            try await group.waitForAll()
        }
        try database.close()
    }

    @Test("Every kind of read of a kept version answers as it did when it was the newest")
    func everyRead() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let points = try await Self.filled(database)
        let red = Filter(must: [.field(Self.colour, .matchKeyword("red"))])
        let ids: [PointID] = [3, 399, 7, 250]
        let queries: [QueryRequest] = [
            QueryRequest(nearest: [17, 1, 2, 3], limit: 9),
            QueryRequest(nearest: [390, 1, 2, 3], limit: 9, filter: red),
            QueryRequest(
                query: .nearest(.vector(.sparse(SparseVector(indices: [3, 5], values: [1, 2])))),
                using: "words", limit: 9),
            QueryRequest(
                query: .nearest(.vector(.multi([[1, 0], [0, 1]]))), using: "parts", limit: 9),
            QueryRequest(query: .orderBy(OrderBy(key: Self.rank)), filter: red, limit: 9),
            QueryRequest(query: .recommend(positive: [.id(5)], negative: [], .averageVector)),
        ].map {
            var request = $0
            request.withPayload = .all
            request.withVectors = .all
            return request
        }
        let ordered = ScrollRequest(limit: 20, orderBy: OrderBy(key: Self.rank))
        let groups = GroupsRequest(query: queries[0], groupBy: Self.colour)

        let version = points.pinVersion()
        let answers = try await points.query(queries)
        let pageBefore = try await points.scroll(ordered)
        let groupsBefore = try await points.groups(groups)
        let recordsBefore = try await points.retrieve(ids)
        let redBefore = try await points.count(red)

        try await points.upsert((0..<390).map(Self.second))
        try await database.perform { try points.seal() }
        try await points.delete(.filter(Filter()))
        try await points.upsert([Self.second(1)])

        #expect(try await points.query(queries, at: version) == answers)
        #expect(try await points.query(queries[1], at: version) == answers[1])
        var again = ordered
        again.version = .number(version)
        #expect(try await points.scroll(again) == pageBefore)
        #expect(try await points.groups(groups, at: version) == groupsBefore)
        #expect(try await points.retrieve(ids, at: version) == recordsBefore)
        #expect(try await points.count(red, at: version) == redBefore)
        #expect(try await points.count(at: version) == Self.pointCount)
        #expect(try await points.count() == 1)
        try database.close()
    }

    @Test("A version that is not kept is refused with the ones that are")
    func gone() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let points = try await Self.filled(database)
        let version = points.pinVersion()
        let unknown = SequenceNumber(version.rawValue + 40)
        let error = await #expect(throws: DatabaseError.self) {
            _ = try await points.count(at: unknown)
        }
        #expect(error?.kind == .gone)
        #expect(error?.message.contains("kept: \(version).") == true)

        points.releaseVersion(version)
        let after = await #expect(throws: DatabaseError.self) {
            _ = try await points.scroll(ScrollRequest(version: .number(version)))
        }
        #expect(after?.message.contains("kept: none") == true)
        try database.close()
    }

    @Test("A version goes when it was not used for its time, and a use starts the time anew")
    func expiry() async throws {
        let directory = try TemporaryDirectory()
        let clock = ManualClock()
        var engine = EngineConfiguration()
        engine.versionKeepSeconds = 10
        engine.uptime = { clock.now }
        let database = try Database.open(at: directory.path, configuration: engine)
        let points = try await Self.filled(database)
        let used = points.pinVersion()
        try await points.upsert([Self.second(1)])
        let unused = points.pinVersion()
        clock.advance(seconds: 9)
        #expect(try await points.count(at: used) == Self.pointCount)
        clock.advance(seconds: 9)
        #expect(points.pinnedVersions == [used])
        await #expect(throws: DatabaseError.self) { _ = try await points.count(at: unused) }
        clock.advance(seconds: 1)
        await #expect(throws: DatabaseError.self) { _ = try await points.count(at: used) }
        #expect(points.pinnedVersions.isEmpty)
        try database.close()
    }

    @Test("Past their greatest number, the version not used for longest goes first")
    func bound() async throws {
        let directory = try TemporaryDirectory()
        var engine = EngineConfiguration()
        engine.versionsKeptMax = 3
        engine.uptime = { .zero }
        let database = try Database.open(at: directory.path, configuration: engine)
        let points = try await Self.filled(database)
        var versions: [SequenceNumber] = []
        for number in 0..<3 {
            try await points.upsert([Self.second(number)])
            versions.append(points.pinVersion())
        }
        _ = try await points.count(at: versions[0])
        try await points.upsert([Self.second(9)])
        let newest = points.pinVersion()
        #expect(points.pinnedVersions == [versions[0], versions[2], newest])
        try database.close()
    }

    @Test(
        "Reads that do not ask for it keep nothing; dropping a collection lets go of its versions")
    func nothingIsKept() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let points = try await Self.filled(database)
        _ = try await Self.pages(points, .latest)
        #expect(points.pinnedVersions.isEmpty)
        _ = points.pinVersion()
        #expect(points.pinnedVersions.count == 1)
        _ = try await database.perform { try database.dropCollection("points") }
        #expect(points.pinnedVersions.isEmpty)
        try database.close()
    }
}

/// A clock that stands until it is told to go on.
final class ManualClock: Sendable {
    private let time = Mutex(Duration.zero)

    var now: Duration { time.withLock { $0 } }

    func advance(seconds: Int) { time.withLock { $0 += .seconds(seconds) } }
}
