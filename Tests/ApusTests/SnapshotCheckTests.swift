import Apus
import ApusStorage
import TestSupport
import Testing

@Suite("Check of snapshots and archived logs")
struct SnapshotCheckTests {
    /// A closed database with a snapshot in its own directory.
    private static func prepareOwn() throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(directories: ["/d"])
        let database = try Database.open(
            at: "/d/data", configuration: EngineConfiguration(), fileSystem: disk)
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        try points.upsert((0..<20).map { Point(id: .number(UInt64($0)), vector: [1, 2]) })
        try points.seal()
        try points.upsert([Point(id: 30, vector: [1, 2])])
        try points.createSnapshot()
        try database.createSnapshot()
        try database.close()
        return disk
    }

    private static func prepareArchive() throws -> ArchivedDatabase {
        let fixture = ArchivedDatabase()
        let database = try fixture.open()
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        for first in [1, 4, 7] {
            try fixture.write(first..<first + 3, to: points)
            if first < 7 { try points.seal() }
        }
        try database.close()
        return fixture
    }

    private static func check(_ disk: SimulatedFileSystem) throws -> CheckReport {
        try Database.check(at: "/d/data", fileSystem: disk)
    }

    private static func checkArchive(_ fixture: ArchivedDatabase) throws -> CheckReport {
        try Database.check(
            at: ArchivedDatabase.path, archives: [ArchivedDatabase.archivePath + "/"],
            fileSystem: fixture.disk)
    }

    @Test("A sound database has no faults, and what is counted is there")
    func sound() throws {
        let disk = try Self.prepareOwn()
        func files() -> [String: Int] { disk.files.filter { !$0.key.hasSuffix("/LOCK") } }
        let before = files()
        let own = try Self.check(disk)
        #expect(own.faults == [] && own.leftovers == [])
        #expect(own.snapshots == 2 && own.archivedLogFiles == 0)
        #expect(files() == before)
        let archived = try Self.checkArchive(Self.prepareArchive())
        #expect(archived.faults == [] && archived.leftovers == [])
        #expect(archived.snapshots == 1 && archived.archivedLogFiles == 3)
    }

    @Test("A flipped bit in any file of a snapshot is found and named")
    func flippedSnapshots() throws {
        let disk = try Self.prepareOwn()
        let paths = disk.files.keys.filter { $0.hasPrefix("/d/data/snapshots.d/") }.sorted()
        #expect(paths.count >= 6)
        for path in paths {
            let count = try disk.bytes(of: path).count
            for place in stride(from: 0, to: count, by: max(1, count / 7)) {
                let damaged = disk.afterKill()
                try damaged.flip(bit: 2, ofByte: place, in: path)
                let faults = try Self.check(damaged).faults
                let isFound = faults.contains { $0.hasPrefix(path) }
                #expect(isFound, "byte \(place) of \(path): \(faults)")
            }
        }
    }

    @Test("A missing or shortened content is found, with the snapshot that needs it")
    func missingContent() throws {
        let disk = try Self.prepareOwn()
        for path in disk.files.keys.filter({ $0.contains("/snapshots.d/blobs/") }) {
            let missing = disk.afterKill()
            try missing.remove(path)
            let faults = try Self.check(missing).faults
            #expect(faults.count == 1)
            #expect(faults.first?.hasPrefix("\(path): the file is missing") == true, "\(faults)")
            #expect(faults.first?.contains(".snapshot") == true, "\(faults)")
            let short = disk.afterKill()
            try short.put(try short.bytes(of: path).dropLast(), at: path)
            #expect(try Self.check(short).faults.contains { $0.hasPrefix(path) })
        }
    }

    @Test("A content that no snapshot has is no fault, unless it is damaged")
    func garbage() throws {
        let disk = try Self.prepareOwn()
        let paths = disk.files.keys.filter { $0.contains("/snapshots.d/") }
        for path in paths where !path.contains("/blobs/") { try disk.remove(path) }
        let report = try Self.check(disk)
        #expect(report.faults == [])
        #expect(report.leftovers.allSatisfy { $0.contains("in no snapshot") })
        #expect(report.leftovers.count >= 3 && report.snapshots == 0)
        // The next snapshot with this content would take it as it is.
        let path = try #require(disk.files.keys.first { $0.contains("/blobs/") })
        try disk.put([1], at: path)
        #expect(try Self.check(disk).faults.contains { $0.hasPrefix(path) })
    }

    @Test("A flipped bit in any archived log file is found and named")
    func flippedLogs() throws {
        let fixture = try Self.prepareArchive()
        for path in try fixture.files("") {
            let original = try fixture.disk.bytes(of: path)
            for place in stride(from: 0, to: original.count, by: max(1, original.count / 11)) {
                try fixture.disk.flip(bit: 5, ofByte: place, in: path)
                let faults = try Self.checkArchive(fixture).faults
                let isFound = faults.contains { $0.hasPrefix(path) }
                #expect(isFound, "byte \(place) of \(path): \(faults)")
                try fixture.disk.put(original, at: path)
            }
        }
        #expect(try Self.checkArchive(fixture).faults == [])
    }

    @Test("Archived log files that are missing, cut off or misnamed are found")
    func logs() throws {
        for (index, expected) in [
            "batches 1 to 3 of collection `c` are missing",
            "batches 4 to 6 of collection `c` are missing",
        ].enumerated() {
            let fixture = try Self.prepareArchive()
            let paths = try fixture.files("log/")
            try fixture.disk.remove(paths[index])
            let faults = try Self.checkArchive(fixture).faults
            #expect(faults.count == 1)
            #expect(faults.first?.hasPrefix(paths[index + 1]) == true, "\(faults)")
            #expect(faults.first?.contains(expected) == true, "\(faults)")
        }
        let short = try Self.prepareArchive()
        let path = try #require(try short.files("log/").last)
        let file = try WALDescription.describe(fileSystem: short.disk, path: path)
        let last = try #require(file.records.last { $0.header.sequenceNumber == SequenceNumber(9) })
        try short.disk.put(try short.disk.bytes(of: path).prefix(last.offset), at: path)
        #expect(
            try Self.checkArchive(short).faults
                == ["\(path): expected batches up to 9, found them up to 8"])
        let misnamed = try Self.prepareArchive()
        let wrong = try #require(try misnamed.files("log/").last)
        try misnamed.disk.rename(wrong, to: wrong.dropLast() + "8")
        #expect(
            try Self.checkArchive(misnamed).faults
                == ["\(wrong.dropLast())8: expected batches up to 8, found them up to 9"])
    }

    @Test("A directory that is not there is told before anything is read")
    func nothing() throws {
        let disk = try Self.prepareOwn()
        for isArchive in [true, false] {
            let error = #expect(throws: DatabaseError.self) {
                try Database.check(
                    at: "/d/data", snapshots: isArchive ? [] : ["/d/none"],
                    archives: isArchive ? ["/d/none"] : [], fileSystem: disk)
            }
            #expect(error?.kind == .notFound)
            #expect(error?.message.hasPrefix("/d/none") == true)
        }
    }
}
