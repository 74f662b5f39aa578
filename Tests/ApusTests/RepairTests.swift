import Apus
import ApusStorage
import TestSupport
import Testing

@Suite("Check and repair")
struct RepairTests {
    @Test("A sound database has no faults, and repair changes nothing")
    func sound() throws {
        let fixture = try DamagedDatabase()
        let disk = fixture.disk.afterKill()
        let before = disk.files
        #expect(try DamagedDatabase.check(disk).faults == [])
        let report = try DamagedDatabase.repair(disk)
        #expect(!report.hasFaults && report.isComplete)
        #expect(disk.files == before)
    }

    @Test("A log file that cannot be read is not taken for a damaged one")
    func unreadableLog() throws {
        let fixture = try DamagedDatabase()
        let disk = fixture.disk.afterKill()
        let before = disk.files
        disk.change { $0.faults = [.init(.read, on: "books/wal/", kind: .readOnly)] }
        #expect(throws: DatabaseError.self) {
            try DamagedDatabase.repair(disk) { $0.truncatesLog = true }
        }
        disk.change { $0.faults = [] }
        #expect(disk.files == before)
    }

    @Test("A log damaged in the middle is cut only when that is asked for")
    func truncateLog() throws {
        let fixture = try DamagedDatabase()
        let disk = fixture.disk.afterKill()
        let path = try #require(fixture.filePaths.last { $0.contains("books/wal/") })
        try disk.flip(bit: 0, ofByte: 40 + 60, in: path)
        do {
            let database = try DamagedDatabase.open(disk)
            #expect(throws: DatabaseError.self) { _ = try database.collection("library") }
            do {
                _ = try database.collection("books")
            } catch let error as DatabaseError {
                #expect(error.kind == .corruption)
                #expect(error.message.contains(path) && error.message.contains("apus repair"))
            }
            #expect(throws: DatabaseError.self) {
                try database.createCollection(
                    "books", CollectionConfiguration(dimension: 2, metric: .dot))
            }
            try database.close()
        }
        let refused = try DamagedDatabase.repair(disk)
        #expect(!refused.isComplete)
        #expect(refused.lines.contains { $0.contains("--truncate-log") })
        #expect(try DamagedDatabase.check(disk).faults.count == 1)
        let report = try DamagedDatabase.repair(disk) { $0.truncatesLog = true }
        #expect(report.isComplete)
        // The first batch of the tail is hurt; the deletions behind it are named.
        let lost = try #require(report.collections.first { $0.name == "books" }?.lost.first)
        #expect(lost.ids.contains("1") && lost.file == path)
        #expect(try DamagedDatabase.check(disk).faults == [])
        let database = try DamagedDatabase.open(disk)
        #expect(try database.collection("books").retrieve([1]).count == 1)
        try database.close()
    }

    @Test("A collection that cannot be opened can be dropped")
    func drop() throws {
        let fixture = try DamagedDatabase()
        let disk = fixture.disk.afterKill()
        try disk.remove(try fixture.file("books/CURRENT"))
        let database = try DamagedDatabase.open(disk)
        #expect(database.collectionNames() == ["books", "mixed"])
        #expect(try database.dropCollection("books"))
        #expect(database.collectionNames() == ["mixed"])
        try database.createCollection(
            "books", CollectionConfiguration(dimension: 2, metric: .dot))
        try database.close()
        #expect(try DamagedDatabase.check(disk).faults == [])
    }

    @Test("A dry run says what would be done and does nothing")
    func dryRun() throws {
        let fixture = try DamagedDatabase()
        let disk = fixture.disk.afterKill()
        let path = try fixture.file("books/00000001.seg")
        try disk.flip(bit: 0, ofByte: 4096, in: path)
        let before = disk.files
        let report = try DamagedDatabase.repair(disk) { $0.isDryRun = true }
        #expect(report.hasFaults && report.lostPointCount > 0)
        #expect(disk.files == before)
    }

    @Test("A repair that crashes at any call leaves a database that is no worse")
    func crashes() throws {
        let fixture = try DamagedDatabase()
        let damaged = fixture.disk.afterKill()
        let path = try fixture.file("books/00000001.seg")
        let reader = try SegmentReader.open(fileSystem: damaged, path: path)
        try damaged.flip(
            bit: 0, ofByte: try reader.descriptor("graph.0.levels").offset, in: path)
        let whole = damaged.afterKill()
        _ = try DamagedDatabase.repair(whole)
        let calls = whole.controls.callCount
        for call in stride(from: 1, through: calls, by: max(1, calls / 60)) {
            let disk = damaged.afterKill()
            disk.change { $0.crashingCall = call }
            _ = try? DamagedDatabase.repair(disk)
            let after = disk.afterPowerLoss(.losesSome(seed: UInt64(call)))
            let place = Comment(rawValue: "crash at call \(call) of \(calls)")
            let database = try DamagedDatabase.open(after)
            let answers = try fixture.wrongAnswers(of: "books", in: database)
            #expect(answers.wrong == [] && answers.missing.isEmpty, place)
            try database.close()
            #expect(try DamagedDatabase.repair(after).isComplete, place)
            #expect(try DamagedDatabase.check(after).faults == [], place)
        }
    }

    @Test("A database that a process has open is neither checked nor repaired")
    func twoProcesses() throws {
        let fixture = try DamagedDatabase()
        let disk = fixture.disk.afterKill()
        let database = try DamagedDatabase.open(disk)
        for attempt in [true, false] {
            do {
                if attempt {
                    _ = try DamagedDatabase.check(disk)
                } else {
                    _ = try DamagedDatabase.repair(disk)
                }
                Issue.record("the lock is not respected")
            } catch let error as DatabaseError {
                #expect(error.kind == .unavailable)
            }
        }
        try database.close()
    }

    @Test("A graph of other vectors, and an id order that is none, are found by check")
    func indexAndDataDisagree() throws {
        let fixture = try DamagedDatabase(bookCount: 2000)
        let other = try DamagedDatabase(seed: 2, bookCount: 2000)
        for (section, words) in [("graph.0.", "graph"), ("ids.order", "order")] {
            let disk = fixture.disk.afterKill()
            let path = try fixture.file("books/00000001.seg")
            try Self.replaceSections(section, of: path, on: disk, from: other.disk)
            let faults = try DamagedDatabase.check(disk).faults
            #expect(faults.contains { $0.contains(path) && $0.contains(words) }, "\(faults)")
            #expect(try DamagedDatabase.repair(disk).isComplete)
            #expect(try DamagedDatabase.check(disk).faults == [])
        }
    }

    /// Writes a segment file again with some sections from another, all checksums right; an order
    /// loses its sense by being turned round.
    private static func replaceSections(
        _ prefix: String, of path: String, on disk: SimulatedFileSystem,
        from other: SimulatedFileSystem
    ) throws {
        let old = try SegmentReader.open(fileSystem: disk, path: path)
        let source = try SegmentReader.open(fileSystem: other, path: path)
        let writer = try SegmentWriter(fileSystem: disk, path: path)
        for section in old.sections {
            let reader = section.name.hasPrefix(prefix) ? source : old
            var bytes = unsafe Array(try reader.section(section.name))
            if section.name == prefix {
                bytes = stride(from: bytes.count - 4, through: 0, by: -4)
                    .flatMap { bytes[$0..<($0 + 4)] }
            }
            try writer.addSection(name: section.name, encoding: section.encoding, bytes: bytes)
        }
        try writer.finish()
    }

    @Test("A newer format is refused, not repaired")
    func newerFormat() throws {
        let fixture = try DamagedDatabase()
        let disk = fixture.disk.afterKill()
        try DatabaseMarker(version: 9).write(fileSystem: disk, directory: DamagedDatabase.path)
        let before = disk.files
        for attempt in [true, false] {
            do {
                if attempt {
                    _ = try DamagedDatabase.check(disk)
                } else {
                    _ = try DamagedDatabase.repair(disk)
                }
                Issue.record("a newer format is not refused")
            } catch let error as DatabaseError {
                #expect(error.kind == .failedPrecondition)
            }
        }
        #expect(disk.files == before)
    }
}
