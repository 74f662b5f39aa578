import Apus
import ApusStorage
import TestSupport
import Testing

@Suite("Where a restore reads from and writes to")
struct RestoreSourceTests {
    /// A database with a snapshot in its own directory.
    private static func prepare() throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(directories: ["/d"])
        let database = try Database.open(
            at: "/d/data", configuration: EngineConfiguration(), fileSystem: disk)
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        try points.upsert([Point(id: 1, vector: [1, 2])])
        try points.createSnapshot()
        try database.close()
        return disk
    }

    private static func refusal(
        of source: String, to target: String = "/d/new", _ disk: SimulatedFileSystem,
        _ configure: (inout DatabaseRestore) -> Void = { _ in }
    ) throws -> DatabaseError {
        var restore = DatabaseRestore(source: source)
        configure(&restore)
        let before = disk.files
        let error = try #require(throws: DatabaseError.self) {
            try restore.run(into: target, fileSystem: disk)
        }
        #expect(disk.files == before)
        #expect(!error.message.hasPrefix("Storage: "), "\(error)")
        return error
    }

    /// It made an empty database, as if all had gone well.
    @Test("A directory without snapshots is refused")
    func noSnapshots() throws {
        let disk = try Self.prepare()
        let database = try Self.refusal(of: "/d/data", disk)
        #expect(database.kind == .notFound)
        #expect(database.message.contains("/d/data/snapshots.d"), "\(database)")
        let named = try Self.refusal(of: "/d/data", disk) { $0.snapshot = "nightly" }
        #expect(named.message.contains("/d/data/snapshots.d"), "\(named)")
        try disk.makeDirectory("/d/empty")
        let empty = try Self.refusal(of: "/d/empty", disk)
        #expect(empty.kind == .notFound)
        #expect(empty.message.hasPrefix("/d/empty: "), "\(empty)")
        #expect(try Self.refusal(of: "/d/nothing", disk).kind == .notFound)
        let other = try Self.refusal(of: "/d/data/snapshots.d", disk) { $0.snapshot = "nightly" }
        #expect(other.message.contains("nightly"), "\(other)")
    }

    @Test(
        "Slashes and dots in a path that say nothing change nothing",
        arguments: ["/d/new/", "/d//new", "/d/./new/.", "d/new///"])
    func paths(target: String) throws {
        let disk = try Self.prepare()
        let restore = DatabaseRestore(source: "/d/data/snapshots.d/")
        let report = try restore.run(into: target, fileSystem: disk)
        #expect(report.collections.map(\.collection) == ["c"])
        #expect(try disk.list("/d") == ["data", "new"])
        let source = "/d/data/snapshots.d"
        #expect(try Self.refusal(of: source, to: target, disk).kind == .alreadyExists)
        #expect(try Self.refusal(of: source, to: "/d/x/..", disk).kind == .invalidArgument)
    }

    /// A directory that happened to be called like the temporary one was removed.
    @Test("Nothing of the user's is removed, and what an earlier restore left is")
    func neighbours() throws {
        let disk = try Self.prepare()
        for name in ["/d/new.tmp", "/d/.new.restoring"] {
            try disk.makeDirectory(name)
            try disk.put([1, 2, 3], at: "\(name)/thesis")
        }
        _ = try DatabaseRestore(source: "/d/data/snapshots.d").run(
            into: "/d/new", fileSystem: disk)
        #expect(try disk.bytes(of: "/d/new.tmp/thesis") == [1, 2, 3])
        #expect(try disk.list("/d") == ["data", "new", "new.tmp"])
    }

    @Test("An error of the disk is told without a word for where in the program it came from")
    func diskError() throws {
        let disk = try Self.prepare()
        disk.change { $0.faults = [.init(.write, on: "/d/.new.restoring/", kind: .outOfSpace)] }
        let error = try Self.refusal(of: "/d/data/snapshots.d", disk)
        #expect(error.kind == .outOfSpace)
        #expect(error.message.hasPrefix("/d/.new.restoring/"), "\(error)")
    }
}
