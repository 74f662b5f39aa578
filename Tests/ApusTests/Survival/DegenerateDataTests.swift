import Apus
import TestSupport
import Testing

@Suite("Degenerate data")
struct DegenerateDataTests {
    private static let schema = CollectionConfiguration(
        dimension: 4, metric: .euclid,
        hnsw: HNSWConfiguration(m: 8, efConstruct: 32, fullScanThreshold: 0))

    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.indexThreads = 1
        configuration.searchThreads = 1
        return try Database.open(at: "/disk/d", configuration: configuration, fileSystem: disk)
    }

    private static func points(_ ids: Range<UInt64>, _ vector: (UInt64) -> [Float]) -> [Point] {
        ids.map { Point(id: .number($0), vector: vector($0)) }
    }

    /// Every live point can be found, in every state of its segment and after a start.
    private static func check(
        _ collection: Collection, _ live: Set<UInt64>, _ vector: (UInt64) -> [Float]
    ) throws {
        #expect(try collection.count() == live.count)
        for isExact in [true, false] {
            var request = QueryRequest(nearest: vector(live.first ?? 0), limit: 2_000)
            request.parameters = SearchParameters(ef: 2_000, exact: isExact)
            let found = try collection.query(request).map(\.id)
            #expect(Set(found) == Set(live.map { PointID.number($0) }), "exact: \(isExact)")
            #expect(found.count == live.count)
        }
    }

    @Test("(18) Duplicate vectors are all found, sealed and after a start")
    func duplicates() throws {
        let disk = SimulatedFileSystem(directories: ["/disk"])
        // Two places with six hundred points each.
        let vector: @Sendable (UInt64) -> [Float] = { [Float($0 % 2), 1, 2, 3] }
        let live = Set(UInt64(0)..<1_200)
        var database = try Self.open(disk)
        var collection = try database.createCollection("c", Self.schema)
        for start in stride(from: UInt64(0), to: 1_200, by: 300) {
            try collection.upsert(Self.points(start..<(start + 300), vector))
        }
        try Self.check(collection, live, vector)
        try collection.seal()
        try Self.check(collection, live, vector)
        // Written again, each is there once.
        try collection.upsert(Self.points(0..<600, vector))
        try Self.check(collection, live, vector)
        try database.close()
        database = try Self.open(disk)
        collection = try database.collection("c")
        try Self.check(collection, live, vector)
        try database.close()
    }

    @Test("(18) Deletion of the entry point, whichever it is, loses no other point")
    func entryPoint() throws {
        let disk = SimulatedFileSystem(directories: ["/disk"])
        let vector: @Sendable (UInt64) -> [Float] = {
            [Float($0 % 17), Float($0 % 5), Float($0 / 17), 1]
        }
        var live = Set(UInt64(0)..<500)
        var database = try Self.open(disk)
        var collection = try database.createCollection("c", Self.schema)
        try collection.upsert(Self.points(0..<500, vector))
        try collection.seal()
        // The entry point is one of them: one piece after the other goes, the first rows first.
        for start in stride(from: UInt64(0), to: 480, by: 60) {
            try collection.delete(.ids((start..<(start + 60)).map { .number($0) }))
            live.subtract(start..<(start + 60))
            try Self.check(collection, live, vector)
        }
        try database.close()
        database = try Self.open(disk)
        collection = try database.collection("c")
        try Self.check(collection, live, vector)
        try database.close()
    }

    @Test("(18) After deletion of everything nothing is found, and new points are")
    func everything() throws {
        let disk = SimulatedFileSystem(directories: ["/disk"])
        let vector: @Sendable (UInt64) -> [Float] = { [Float($0), 0, 1, 2] }
        var database = try Self.open(disk)
        var collection = try database.createCollection("c", Self.schema)
        for round in 0..<3 {
            try collection.upsert(Self.points(0..<300, vector))
            if round > 0 { try collection.seal() }
            try collection.delete(.filter(Filter()))
            #expect(try collection.count() == 0)
            #expect(try collection.scroll(ScrollRequest(limit: 10)).points == [])
            for isExact in [true, false] {
                var request = QueryRequest(nearest: vector(7), limit: 10)
                request.parameters.exact = isExact
                #expect(try collection.query(request).isEmpty)
            }
            // Nothing is left to delete, which is no error.
            try collection.delete(.filter(Filter()))
            if round == 1 { try collection.seal() }
            try database.close()
            database = try Self.open(disk)
            collection = try database.collection("c")
            #expect(try collection.count() == 0)
        }
        try collection.upsert(Self.points(5..<8, vector))
        try Self.check(collection, [5, 6, 7], vector)
        try database.close()
    }
}
