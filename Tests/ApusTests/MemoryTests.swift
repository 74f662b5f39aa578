import Apus
import TestSupport
import Testing

@Suite("Memory: where it goes, where vectors and graphs lie, and bounds")
struct MemoryTests {
    private static let dimension = 32

    private static func points(_ numbers: Range<Int>, text: Int = 100) -> [Point] {
        numbers.map { number in
            var generator = SeededGenerator(seed: UInt64(number))
            return Point(
                id: .number(UInt64(number)),
                vector: (0..<dimension).map { _ in Float.random(in: -1...1, using: &generator) },
                payload: ["text": .string(String(repeating: "x", count: text))])
        }
    }

    private static func configuration(
        vectorsOnDisk: Bool? = nil, graphOnDisk: Bool? = nil, budget: Int? = nil
    ) -> CollectionConfiguration {
        var configuration = CollectionConfiguration(
            dimension: dimension, metric: .euclid, hnsw: HNSWConfiguration(m: 8))
        configuration.vectors[""]?.onDisk = vectorsOnDisk
        configuration.hnsw.onDisk = graphOnDisk
        configuration.optimizers.memoryBudgetBytes = budget
        return configuration
    }

    private static func change(
        vectorsOnDisk: Bool? = nil, graphOnDisk: Bool? = nil, budget: Int? = nil
    ) -> CollectionConfigurationChange {
        var change = CollectionConfigurationChange()
        if let vectorsOnDisk { change.vectors[""] = .init(onDisk: vectorsOnDisk) }
        if let graphOnDisk { change.hnsw = HNSWConfigurationChange(onDisk: graphOnDisk) }
        if let budget {
            change.optimizers = .init()
            change.optimizers?.memoryBudgetBytes = budget
        }
        return change
    }

    @Test(
        "Bytes are told by what they hold: in memory while a segment grows, on disk too once sealed"
    )
    func usage() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let points = try database.createCollection("points", Self.configuration())
        #expect(points.usage().current.total == StorageUsage.Bytes())
        try await points.upsert(Self.points(0..<300))
        try await database.perform { try points.waitUntilIndexed() }
        let growing = points.usage().current
        #expect(growing[.vectors].memory == 300 * Self.dimension * 4)
        // A batch that is not full waits outside the graph.
        #expect(growing[.graph].memory > 200 * 16 * 4)
        #expect(growing[.payload].memory >= 300 * 100)
        #expect(growing[.ids].memory >= 300 * 24)
        #expect(growing.total.disk == 0)

        try await database.perform { try points.seal() }
        let sealed = points.usage().current
        #expect(sealed[.vectors].memory == 300 * Self.dimension * 4)
        #expect(sealed[.payload].memory == 0)
        #expect(sealed[.vectors].disk >= 300 * Self.dimension * 4)
        #expect(sealed[.graph].disk >= 300 * 16 * 4)
        #expect(sealed[.payload].disk > 0)
        #expect(sealed[.ids].disk >= 300 * 24)
        #expect(points.info().usage == sealed)
        try database.close()
    }

    @Test(
        "Vectors and graph are in memory or mapped, each as it is set",
        arguments: [(false, false), (false, true), (true, false), (true, true)])
    func residency(vectorsOnDisk: Bool, graphOnDisk: Bool) async throws {
        let directory = try TemporaryDirectory()
        var database = try Database.open(at: directory.path)
        let configuration = Self.configuration(
            vectorsOnDisk: vectorsOnDisk, graphOnDisk: graphOnDisk)
        var points = try database.createCollection("points", configuration)
        try await points.upsert(Self.points(0..<200))
        try await database.perform { [points] in try points.seal() }
        func expectPlaces() throws {
            let usage = points.usage().current
            #expect((usage[.vectors].memory == 0) == vectorsOnDisk)
            // Of a mapped graph 4 bytes a row are in memory.
            #expect((usage[.graph].memory <= 4 * 200) == graphOnDisk)
        }
        try expectPlaces()
        try database.close()
        database = try Database.open(at: directory.path)
        points = try database.collection("points")
        try await database.perform { [points] in try points.waitUntilIndexed() }
        try expectPlaces()
        try database.close()
    }

    @Test("Changing where vectors and graph lie moves them, and every answer stays as it was")
    func moving() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let points = try database.createCollection("points", Self.configuration())
        try await points.upsert(Self.points(0..<400))
        try await database.perform { try points.seal() }
        let queries = Self.points(1000..<1010).compactMap { point -> QueryRequest? in
            guard case .dense(let vector)? = point.vectors[""] else { return nil }
            return QueryRequest(nearest: vector, limit: 20)
        }
        let answers = try await points.query(queries)
        let before = points.usage().current
        for (vectorsOnDisk, graphOnDisk) in [(true, true), (true, false), (false, true)] {
            try await database.perform {
                try points.update(
                    Self.change(vectorsOnDisk: vectorsOnDisk, graphOnDisk: graphOnDisk))
                try points.waitUntilIndexed()
            }
            let usage = points.usage().current
            #expect((usage[.vectors].memory == 0) == vectorsOnDisk)
            #expect((usage[.graph].memory <= 4 * 400) == graphOnDisk)
            #expect(try await points.query(queries) == answers)
        }
        try await database.perform {
            try points.update(Self.change(vectorsOnDisk: false, graphOnDisk: false))
            try points.waitUntilIndexed()
        }
        #expect(points.usage().current.total == before.total)
        try database.close()
    }

    /// Writes batches until one is refused; returns how many points were acknowledged.
    private static func fill(
        _ points: Collection, from start: Int = 0, batches: Int, text: Int
    ) async throws -> (acknowledged: Int, refusal: DatabaseError?) {
        var next = start
        for _ in 0..<batches {
            do {
                try await points.upsert(Self.points(next..<next + 20, text: text))
            } catch let error as DatabaseError where error.kind == .outOfMemory {
                return (next - start, error)
            }
            next += 20
        }
        return (next - start, nil)
    }

    @Test("A write past the budget is refused whole; reads and deletes go on, and room ends it")
    func budget() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let budget = 200_000
        let points = try database.createCollection(
            "points", Self.configuration(budget: budget))
        let (count, refusal) = try await Self.fill(points, batches: 100, text: 10)
        #expect(refusal?.message.contains("of \(budget)") == true)
        #expect(refusal?.message.contains("on_disk: true") == true)
        // Not before the bound is near, and never past it.
        #expect(points.usage().current.total.memory > budget / 2)
        #expect(points.usage().current.total.memory <= budget)
        #expect(count > 300)

        #expect(try await points.count() == count)
        #expect(
            try await points.query(QueryRequest(nearest: Array(repeating: 0, count: 32))).count
                == 10)
        try await points.delete(.ids([0, 1]))
        #expect(try await points.count() == count - 2)
        #expect(points.info().status != .red)

        // Out of memory with the vectors, and writes go on.
        try await database.perform {
            try points.update(Self.change(vectorsOnDisk: true, graphOnDisk: true))
            try points.seal()
        }
        let (more, _) = try await Self.fill(points, from: count, batches: 5, text: 10)
        #expect(more == 100)
        #expect(try await points.count() == count - 2 + 100)
        try database.close()
    }

    @Test("Raising the budget, or 0 for none, lets writes go on")
    func raising() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let points = try database.createCollection(
            "points", Self.configuration(budget: 50_000))
        let (count, refusal) = try await Self.fill(points, batches: 100, text: 10)
        #expect(refusal != nil)
        try await database.perform { try points.update(Self.change(budget: 0)) }
        #expect(points.configuration.optimizers.memoryBudgetBytes == nil)
        #expect(try await Self.fill(points, from: count, batches: 10, text: 10).refusal == nil)
        try database.close()
    }

    @Test("A collection that is served from disk takes more than its budget: segments go early")
    func diskTakesMore() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let budget = 250_000
        let points = try database.createCollection(
            "points", Self.configuration(vectorsOnDisk: true, graphOnDisk: true, budget: budget))
        let (count, refusal) = try await Self.fill(points, batches: 60, text: 400)
        #expect(refusal == nil, "\(refusal?.message ?? "")")
        #expect(count == 1200)
        #expect(points.usage().current.total.disk > 0)
        #expect(points.usage().current.total.memory <= budget)
        #expect(try await points.count() == 1200)
        try database.close()
    }

    @Test("The database's limit counts all of its collections")
    func limit() async throws {
        let directory = try TemporaryDirectory()
        var engine = EngineConfiguration()
        engine.memoryLimitBytes = 300_000
        let database = try Database.open(at: directory.path, configuration: engine)
        let first = try database.createCollection("first", Self.configuration())
        let second = try database.createCollection("second", Self.configuration())
        let (firstCount, firstRefusal) = try await Self.fill(first, batches: 100, text: 10)
        #expect(firstRefusal?.message.contains("the database uses") == true)
        let (secondCount, secondRefusal) = try await Self.fill(second, batches: 100, text: 10)
        #expect(secondRefusal != nil)
        #expect(firstCount > 4 * max(1, secondCount))
        // What goes with a collection is free for the others.
        _ = try await database.perform { try database.dropCollection("first") }
        #expect(try await Self.fill(second, from: 1000, batches: 10, text: 10).refusal == nil)
        try database.close()
    }

    @Test("Fields that memory has no room for are served from the file, which is told")
    func keptMapped() async throws {
        let directory = try TemporaryDirectory()
        var database = try Database.open(at: directory.path)
        var points = try database.createCollection("points", Self.configuration())
        try await points.upsert(Self.points(0..<400))
        try await database.perform { [points] in
            try points.seal()
            try points.update(Self.change(budget: 20_000))
        }
        try database.close()

        database = try Database.open(at: directory.path)
        points = try database.collection("points")
        let query = QueryRequest(nearest: Array(repeating: 0, count: Self.dimension), limit: 5)
        let found = try await points.query(query)
        try await database.perform { [points] in try points.waitUntilIndexed() }
        #expect(points.info().fieldsKeptMapped == [""])
        #expect(points.usage().current[.vectors].memory == 0)
        #expect(found.count == 5)
        try await database.perform { [points] in
            try points.update(Self.change(budget: 0))
            try points.waitUntilIndexed()
        }
        #expect(points.info().fieldsKeptMapped == [])
        #expect(points.usage().current[.vectors].memory > 0)
        #expect(try await points.query(query) == found)
        try database.close()
    }

    @Test("What only a kept version uses is counted apart")
    func pinned() async throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let points = try database.createCollection(
            "points", Self.configuration(vectorsOnDisk: true))
        try await points.upsert(Self.points(0..<200))
        let version = points.pinVersion()
        #expect(points.info().pinnedMemoryBytes == 0)
        try await database.perform { try points.seal() }
        // The version shows the segment as it grew, with its vectors in memory.
        #expect(points.info().pinnedMemoryBytes > 200 * Self.dimension * 4)
        points.releaseVersion(version)
        #expect(points.info().pinnedMemoryBytes == 0)
        try database.close()
    }
}
