import Apus
import ApusCore
import ApusStorage
import TestSupport
import Testing

/// Snapshots and restores that are cut off, at each call that changes something on disk.
@Suite("Snapshots that are cut off")
struct SnapshotSurvivalTests {
    private static let pointCount = 12

    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.searchThreads = 1
        configuration.indexThreads = 1
        configuration.writeThreads = 1
        configuration.reservedBytes = 0
        return try Database.open(at: "/d", configuration: configuration, fileSystem: disk)
    }

    private static func upsert(_ points: Collection, _ ids: Range<Int>) throws {
        try points.upsert(ids.map { Point(id: .number(UInt64($0)), vector: [Float($0), 1]) })
    }

    private static func ids(_ points: Collection) throws -> [PointID] {
        try points.scroll(
            ScrollRequest(limit: 1000, withPayload: .none, withVectors: .none)
        ).points.map(\.id)
    }

    /// A database with a sealed segment, a deletion and a log.
    private static func prepare(_ disk: SimulatedFileSystem) throws -> Database {
        let database = try open(disk)
        let points = try database.createCollection(
            "c", CollectionConfiguration(dimension: 2, metric: .euclid))
        try upsert(points, 0..<10)
        try points.seal()
        try points.delete(.ids([3]))
        try upsert(points, 10..<(pointCount + 1))
        return database
    }

    private static func numbers(_ range: Range<Int>, without: Set<Int> = []) -> [PointID] {
        range.filter { !without.contains($0) }.map { .number(UInt64($0)) }
    }

    private static let original = numbers(0..<13, without: [3])

    /// The call numbers of `work`, on a fresh disk.
    private static func calls(
        _ prepare: (SimulatedFileSystem) throws -> Database, _ work: (Database) throws -> Void
    ) throws -> Range<Int> {
        let disk = SimulatedFileSystem(directories: ["/d"])
        let database = try prepare(disk)
        let start = disk.controls.callCount
        try work(database)
        let end = disk.controls.callCount
        try database.close()
        return start..<end
    }

    @Test(
        "A crash at any call of a snapshot leaves the collection whole and the next snapshot good")
    func crashInSnapshot() throws {
        let calls = try Self.calls(Self.prepare) { try $0.collection("c").createSnapshot() }
        #expect(calls.count > 20)
        for call in calls {
            let disk = SimulatedFileSystem(directories: ["/d"], seed: UInt64(call))
            let database = try Self.prepare(disk)
            disk.change { $0.crashingCall = call }
            _ = try? database.collection("c").createSnapshot()
            guard disk.hasCrashed else { continue }
            try? database.close()
            for loss in [PowerLoss.losesEverythingUnsynced, .losesSome(seed: UInt64(call))] {
                let later = disk.afterPowerLoss(loss)
                let again = try Self.open(later)
                let points = try again.collection("c")
                #expect(try Self.ids(points) == Self.original, "call \(call)")
                // A snapshot is there as a whole or not at all.
                for snapshot in try points.snapshots() {
                    try again.restoreCollection(
                        "old", from: .snapshot(name: snapshot.name, collection: "c"),
                        replacing: true)
                    #expect(try Self.ids(again.collection("old")) == Self.original)
                }
                let snapshot = try points.createSnapshot()
                try again.restoreCollection(
                    "new", from: .snapshot(name: snapshot.name, collection: "c"),
                    replacing: false)
                #expect(try Self.ids(again.collection("new")) == Self.original, "call \(call)")
                for snapshot in try points.snapshots() {
                    #expect(try points.deleteSnapshot(snapshot.name))
                }
                #expect(later.files.keys.filter { $0.contains("/snapshots.d/") }.isEmpty)
                #expect(later.files.keys.filter { $0.hasPrefix("/d/.") }.isEmpty)
                try again.close()
            }
        }
    }

    @Test("A crash at any call of a restore leaves the old collection or the new one")
    func crashInRestore() throws {
        func prepare(_ disk: SimulatedFileSystem) throws -> Database {
            let database = try Self.prepare(disk)
            let points = try database.collection("c")
            try points.createSnapshot()
            try Self.upsert(points, 100..<105)
            return database
        }
        func restore(_ database: Database) throws {
            let points = try database.collection("c")
            let snapshot = try #require(try points.snapshots().first)
            try database.restoreCollection(
                "c", from: .snapshot(name: snapshot.name, collection: "c"), replacing: true)
        }
        let changed = Self.original + Self.numbers(100..<105)
        let calls = try Self.calls(prepare, restore)
        var outcomes: Set<[PointID]> = []
        for call in calls {
            let disk = SimulatedFileSystem(directories: ["/d"], seed: UInt64(call))
            let database = try prepare(disk)
            disk.change { $0.crashingCall = call }
            let isDone = (try? restore(database)) != nil
            guard disk.hasCrashed else { continue }
            try? database.close()
            for loss in [PowerLoss.losesEverythingUnsynced, .losesSome(seed: UInt64(call))] {
                let later = disk.afterPowerLoss(loss)
                let again = try Self.open(later)
                let found = try Self.ids(again.collection("c"))
                outcomes.insert(found)
                #expect(found == Self.original || found == changed, "call \(call)")
                if isDone { #expect(found == Self.original, "call \(call)") }
                #expect(again.collectionNames() == ["c"])
                try Self.upsert(again.collection("c"), 500..<501)
                try again.close()
                let names = try later.list("/d")
                #expect(
                    names.filter { $0.hasPrefix(".") || $0.hasSuffix(".restored") }.isEmpty,
                    "call \(call)")
            }
        }
        #expect(outcomes == [Self.original, changed])
    }

    @Test("A snapshot that runs out of space fails, leaves nothing behind, and writes go on")
    func outOfSpace() throws {
        for room in [0, 100, 400, 1000] {
            let disk = SimulatedFileSystem(directories: ["/d"])
            let database = try Self.prepare(disk)
            let points = try database.collection("c")
            let before = Set(disk.files.keys)
            // Linking takes no space in the simulation: only the log's copy and the record do.
            let capacity = disk.usedByteCount + room
            disk.change { $0.capacity = capacity }
            let error = #expect(throws: DatabaseError.self) { try points.createSnapshot() }
            #expect(error?.kind == .outOfSpace)
            #expect(Set(disk.files.keys).subtracting(before).isEmpty, "\(room) bytes")
            disk.change { $0.capacity = nil }
            try Self.upsert(points, 50..<51)
            #expect(try points.count() == Self.pointCount + 1)
            let snapshot = try points.createSnapshot()
            #expect(try points.snapshots() == [snapshot])
            try database.close()
        }
    }

    /// The restored collection waited under its second name, and the next start put it over what
    /// had been written since.
    @Test(
        "A restore that fails at any call takes nothing away later", arguments: [false, true])
    func failedRestore(dropsAfterwards: Bool) throws {
        var first = ""
        let prepared = { (disk: SimulatedFileSystem) -> Database in
            let database = try Self.prepare(disk)
            let points = try database.collection("c")
            first = try points.createSnapshot().name
            try Self.upsert(points, 20..<22)
            return database
        }
        func restore(_ database: Database) throws {
            try database.restoreCollection(
                "c", from: .snapshot(name: first, collection: "c"), replacing: true)
        }
        let calls = try Self.calls(prepared) { try restore($0) }
        for call in 0..<calls.count {
            let disk = SimulatedFileSystem(directories: ["/d"])
            let database = try prepared(disk)
            disk.change { $0.faults = [.init(nil, afterCalls: call, count: 1)] }
            try? restore(database)
            disk.change { $0.faults = [] }
            var expected = Self.original
            if dropsAfterwards {
                #expect(try database.dropCollection("c"), "call \(call)")
                try database.createCollection(
                    "c", CollectionConfiguration(dimension: 2, metric: .euclid))
                expected = []
            } else {
                try restore(database)
            }
            try Self.upsert(try database.collection("c"), 90..<91)
            expected.append(90)
            #expect(try Self.ids(try database.collection("c")) == expected, "call \(call)")
            let reopened = try Self.open(disk.afterKill())
            #expect(
                try Self.ids(try reopened.collection("c")) == expected, "call \(call), restarted")
            try reopened.close()
            try database.close()
        }
    }
}
