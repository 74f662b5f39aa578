import Apus
import TestSupport
import Testing

@Suite("The durability setting of collections")
struct DurabilitySettingTests {
    private static func configuration(_ durability: Durability?) -> CollectionConfiguration {
        var configuration = CollectionConfiguration(dimension: 2, metric: .dot)
        configuration.wal.durability = durability
        return configuration
    }

    @Test("It is sync unless something else was said, is told, kept and can be changed")
    func kept() async throws {
        let directory = try TemporaryDirectory()
        var database = try Database.open(at: directory.path)
        let plain = try database.createCollection("plain", Self.configuration(nil))
        #expect(plain.info().durability == .sync)
        let quick = try database.createCollection(
            "quick", Self.configuration(.async(maxDelayMilliseconds: 200)))
        #expect(quick.info().durability == .async(maxDelayMilliseconds: 200))
        var change = CollectionConfigurationChange()
        change.durability = .async(maxDelayMilliseconds: 1)
        try await database.perform { [change] in try plain.update(change) }
        try await plain.upsert([Point(id: 1, vector: [1, 2])])
        try await quick.upsert([Point(id: 1, vector: [1, 2])])
        try database.close()

        database = try Database.open(at: directory.path)
        let reopened = try database.collection("plain")
        #expect(reopened.info().durability == .async(maxDelayMilliseconds: 1))
        #expect(
            try database.collection("quick").info().durability
                == .async(maxDelayMilliseconds: 200))
        #expect(try await reopened.count() == 1)
        change.durability = .sync
        try await database.perform { [change] in try reopened.update(change) }
        #expect(reopened.info().durability == .sync)
        try await reopened.upsert([Point(id: 2, vector: [1, 2])])
        #expect(try await reopened.count() == 2)
        try database.close()
    }

    @Test("The engine's default is for new collections that do not say it themselves")
    func byDefault() throws {
        let directory = try TemporaryDirectory()
        var engine = EngineConfiguration()
        engine.newCollectionDurability = .async(maxDelayMilliseconds: 50)
        var database = try Database.open(at: directory.path, configuration: engine)
        let silent = try database.createCollection("silent", Self.configuration(nil))
        let safe = try database.createCollection("safe", Self.configuration(.sync))
        #expect(silent.info().durability == .async(maxDelayMilliseconds: 50))
        #expect(safe.info().durability == .sync)
        try database.close()
        // What a collection was made with stays, whatever the engine's default is later.
        database = try Database.open(at: directory.path)
        #expect(
            try database.collection("silent").info().durability
                == .async(maxDelayMilliseconds: 50))
        try database.close()
    }

    @Test("A delay outside 1…10,000 ms is refused", arguments: [0, -3, 10_001, Int.max])
    func bounds(delay: Int) throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let configuration = Self.configuration(.async(maxDelayMilliseconds: delay))
        let error = #expect(throws: DatabaseError.self) {
            try database.createCollection("points", configuration)
        }
        #expect(error?.kind == .validation)
        #expect(error?.message.contains("wal_config.durability.async_ms") == true)
        try database.close()
    }

    @Test("Async is acknowledged before the sync: a kill loses nothing, a power loss only the last")
    func asynchronous() async throws {
        let disk = SimulatedFileSystem(directories: ["/db"])
        let engine = EngineConfiguration()
        let database = try Database.open(at: "/db", configuration: engine, fileSystem: disk)
        let points = try database.createCollection(
            "points", Self.configuration(.async(maxDelayMilliseconds: 10_000)))
        func count(after state: SimulatedFileSystem) throws -> Int {
            let database = try Database.open(at: "/db", configuration: engine, fileSystem: state)
            defer { try? database.close() }
            return try database.collection("points").info().pointsCount
        }
        disk.change { $0.holdsSyncs = true }
        let results = try await points.write([.upsert([Point(id: 1, vector: [1, 2])])])
        #expect(results.map(\.acknowledgement) == [.completed])
        #expect(try await points.count() == 1)
        #expect(try count(after: disk.afterKill()) == 1)
        #expect(try count(after: disk.afterPowerLoss(.losesEverythingUnsynced)) == 0)

        disk.change { $0.holdsSyncs = false }
        var change = CollectionConfigurationChange()
        change.durability = .sync
        try await database.perform { [change] in try points.update(change) }
        try await points.upsert([Point(id: 2, vector: [1, 2])])
        #expect(try count(after: disk.afterPowerLoss(.losesEverythingUnsynced)) == 2)
        try database.close()
    }

    @Test("A snapshot has every acknowledged write, also under async")
    func snapshot() throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let points = try database.createCollection(
            "points", Self.configuration(.async(maxDelayMilliseconds: 10_000)))
        for number in 1...20 {
            try points.upsert([Point(id: .number(UInt64(number)), vector: [1, 2])])
            let snapshot = try points.createSnapshot()
            #expect(snapshot.sequenceNumbers["points"] == SequenceNumber(UInt64(number)))
        }
        try database.close()
    }
}
