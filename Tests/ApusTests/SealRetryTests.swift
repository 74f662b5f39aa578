import Apus
import ApusStorage
import TestSupport
import Testing

/// A segment file that is written again, because nobody knows whether the manifest that names it
/// reached the disk, is the same file: that manifest, which may hold after a crash, says by the numbers
/// of its rows which of them were deleted.
@Suite("Seals that are tried again") struct SealRetryTests {
    private static let path = "/db/p/00000001.seg"

    private struct Scene {
        let disk: SimulatedFileSystem
        let database: Database
        let points: Collection
        var expected = ExpectedPoints()
    }

    /// A collection whose first seal has failed at the last call of its commit: a directory's sync.
    /// Since then it has no room in memory for another copy of the segment's rows.
    private static func scene(attempts: Int = 20) throws -> Scene {
        let disk = SimulatedFileSystem(directories: ["/"])
        let renaming = RenamingDisk(disk)
        let database = try Database.open(at: "/db", configuration: .quiet, fileSystem: renaming)
        let points = try database.createCollection("p", .small)
        var scene = Scene(disk: disk, database: database, points: points)
        let new = (0..<UInt64(320)).map { ExpectedPoints.point($0, version: 1) }
        try points.upsert(new)
        for point in new { scene.expected.put(point) }
        let deleted = (0..<UInt64(100)).map { $0 * 3 }
        try points.delete(.ids(deleted.map { .number($0) }))
        for id in deleted { scene.expected.delete(id) }
        try points.waitUntilIndexed()
        // Room for a copy now, and for a little more.
        let usage = points.usage().current
        var change = CollectionConfigurationChange()
        change.optimizers = .init()
        change.optimizers?.memoryBudgetBytes =
            usage.total.memory + 30_000
            + [.vectors, .codes, .graph].reduce(0) { $0 + usage[$1].memory }
        try points.update(change)

        let generation = try #require(try manifest(disk)).generation
        renaming.set(.isCommitted) {
            disk.change {
                $0.faults = [.init(.synchronizeDirectory, on: "/db/p", count: 1)]
            }
        }
        guard (try? points.seal()) == nil else {
            // The collection, whose memory is bounded now, sealed by itself before.
            try database.close()
            try #require(attempts > 1, "no seal failed")
            return try Self.scene(attempts: attempts - 1)
        }
        // It may or may not be on the platter.
        #expect(try manifest(disk)?.generation == generation + 1)
        let lost = disk.afterPowerLoss(.losesEverythingUnsynced)
        #expect(try manifest(lost)?.generation == generation)
        disk.change { $0.faults = [.init(.create, on: ".seg")] }
        var isFull = false
        for id in UInt64(1_000)..<3_000 where !isFull {
            let point = ExpectedPoints.point(id, version: 2)
            do {
                try points.upsert([point])
                scene.expected.put(point)
            } catch let error as DatabaseError {
                #expect(error.kind == .outOfMemory)
                isFull = true
            }
        }
        #expect(isFull)
        #expect(throws: DatabaseError.self) { try points.waitUntilIndexed() }
        disk.change { $0.faults = [] }
        return scene
    }

    private static func manifest(_ disk: SimulatedFileSystem) throws -> Manifest? {
        try ManifestStore(fileSystem: disk, directory: "/db/p").read()
    }

    private static func ids(_ disk: SimulatedFileSystem) throws -> [UInt64] {
        try SegmentReader.open(fileSystem: disk, path: path).rowIDs()
    }

    @Test("The file has its rows in the order of the first one, whatever memory there is by now")
    func order() throws {
        let scene = try Self.scene()
        let first = try Self.ids(scene.disk)
        #expect(first != first.sorted())
        try scene.points.waitUntilIndexed()
        #expect(try Self.ids(scene.disk) == first)
        try scene.expected.check(scene.points)
        try scene.database.close()
    }

    @Test("A crash at any call of the second try leaves every point as it was")
    func crashes() throws {
        let calls = try {
            let scene = try Self.scene()
            let before = scene.disk.controls.callCount
            try scene.points.waitUntilIndexed()
            defer { try? scene.database.close() }
            return scene.disk.controls.callCount - before
        }()
        #expect(calls > 8)
        for call in 0..<calls {
            let scene = try Self.scene()
            scene.disk.change { $0.crashingCall = $0.callCount + call }
            try? scene.points.waitUntilIndexed()
            for survivor in [
                scene.disk.afterKill(), scene.disk.afterPowerLoss(.losesEverythingUnsynced),
                scene.disk.afterPowerLoss(.losesSome(seed: UInt64(call))),
            ] {
                let again = try Database.open(
                    at: "/db", configuration: .quiet, fileSystem: survivor)
                try scene.expected.check(try again.collection("p"), searching: false)
                try again.close()
            }
            try? scene.database.close()
        }
    }
}
