import Apus
import ApusCore
import ApusStorage
import TestSupport
import Testing

@Suite("Snapshots")
struct SnapshotTests {
    /// A small collection with sealed segments, deletions and a log: what a snapshot has to keep.
    private static func fill(_ points: Collection, from start: Int = 0) throws {
        try upsert(points, (start..<(start + 300)))
        try points.seal()
        try points.delete(.ids((start..<(start + 10)).map { .number(UInt64($0)) }))
        try upsert(points, (start + 300)..<(start + 320))
    }

    private static func upsert(_ points: Collection, _ ids: Range<Int>) throws {
        try points.upsert(
            ids.map {
                Point(
                    id: .number(UInt64($0)), vector: [Float($0), Float($0 % 7), 1],
                    payload: ["n": .integer(Int64($0))])
            })
    }

    private static let configuration = CollectionConfiguration(dimension: 3, metric: .euclid)

    /// Everything that a reader can see, to compare.
    private static func contents(_ points: Collection) throws -> [Record] {
        try points.scroll(
            ScrollRequest(limit: 100_000, withPayload: .all, withVectors: .all)
        ).points
    }

    private static func open(
        _ fileSystem: any FileSystem = PosixFileSystem(), at path: String,
        _ change: (inout EngineConfiguration) -> Void = { _ in }
    ) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.searchThreads = 1
        configuration.indexThreads = 1
        change(&configuration)
        return try Database.open(at: path, configuration: configuration, fileSystem: fileSystem)
    }

    @Test("A restored collection is what the one was that the snapshot was taken of")
    func restore() throws {
        let directory = try TemporaryDirectory()
        let database = try Self.open(at: directory.path)
        let points = try database.createCollection("books", Self.configuration)
        try Self.fill(points)
        let before = try Self.contents(points)
        let lsn = points.info().sequenceNumber
        let snapshot = try points.createSnapshot()
        #expect(snapshot.sequenceNumbers == ["books": lsn])
        try Self.fill(points, from: 1000)
        try database.restoreCollection(
            "copy", from: .snapshot(name: snapshot.name, collection: "books"), replacing: false)
        let copy = try database.collection("copy")
        #expect(try Self.contents(copy) == before)
        #expect(copy.info().sequenceNumber == lsn)
        // The copy goes its own way, and both are there after a restart.
        try Self.upsert(copy, 5000..<5010)
        #expect(try copy.count() == before.count + 10)
        let others = try points.count()
        try database.close()
        let again = try Self.open(at: directory.path)
        #expect(try again.collection("copy").count() == before.count + 10)
        #expect(try again.collection("books").count() == others)
        #expect(again.collectionNames() == ["books", "copy"])
        try again.close()
    }

    @Test("A collection is replaced by its snapshot, in memory and after a restart")
    func replace() throws {
        let directory = try TemporaryDirectory()
        let database = try Self.open(at: directory.path)
        let points = try database.createCollection("books", Self.configuration)
        try database.changeAliases([.create(alias: "b", collection: "books")])
        try Self.fill(points)
        let before = try Self.contents(points)
        let snapshot = try points.createSnapshot()
        try Self.fill(points, from: 1000)
        let source = SnapshotSource.snapshot(name: snapshot.name, collection: "books")
        #expect(throws: DatabaseError.self) {
            try database.restoreCollection("books", from: source, replacing: false)
        }
        try database.restoreCollection("b", from: source, replacing: true)
        #expect(try Self.contents(database.collection("books")) == before)
        #expect(try Self.contents(database.collection("b")) == before)
        #expect(throws: DatabaseError.self) { try Self.upsert(points, 0..<1) }
        try Self.upsert(database.collection("b"), 9000..<9001)
        try database.close()
        let again = try Self.open(at: directory.path)
        #expect(try again.collection("b").count() == before.count + 1)
        try again.close()
    }

    @Test("A snapshot in the middle of writes has every batch up to its LSN and none after it")
    func duringWrites() async throws {
        let directory = try TemporaryDirectory()
        let database = try Self.open(at: directory.path) { $0.segmentRowsMax = 1024 }
        let points = try database.createCollection("books", Self.configuration)
        // Batch n writes point n and deletes point n - 5.
        let writer = Task {
            for number in 1...600 {
                var operations: [WriteOperation] = [
                    .upsert(
                        (0..<8).map {
                            Point(
                                id: .number(UInt64(number * 10 + $0)),
                                vector: [Float(number), 0, Float($0)])
                        })
                ]
                if number > 5 {
                    operations.append(
                        .delete(.ids((0..<8).map { .number(UInt64((number - 5) * 10 + $0)) })))
                }
                _ = try await points.write(operations)
            }
        }
        var snapshots: [SnapshotDescription] = []
        while snapshots.count < 8, points.info().sequenceNumber < SequenceNumber(550) {
            snapshots.append(try await points.createSnapshot())
        }
        try await writer.value
        snapshots.append(try await points.createSnapshot())
        #expect(snapshots.count > 2)
        for snapshot in snapshots {
            let lsn = try #require(snapshot.sequenceNumbers["books"])
            let restored = try await database.performSnapshotWork {
                try database.restoreCollection(
                    "copy", from: .snapshot(name: snapshot.name, collection: "books"),
                    replacing: true)
            }
            #expect(restored == lsn)
            let copy = try database.collection("copy")
            let ids = try await copy.scroll(
                ScrollRequest(limit: 10_000, withPayload: .none, withVectors: .none)
            ).points.map(\.id)
            let last = Int(lsn.rawValue)
            let expected = (max(1, last - 4)...max(1, last)).filter { $0 <= last }.flatMap {
                number in (0..<8).map { PointID.number(UInt64(number * 10 + $0)) }
            }
            #expect(ids == expected, "\(snapshot.name)")
        }
        try database.close()
    }

    @Test("The second snapshot stores only what is new, and deletion keeps what others need")
    func incremental() throws {
        let directory = try TemporaryDirectory()
        let database = try Self.open(at: directory.path)
        let points = try database.createCollection("books", Self.configuration)
        try Self.fill(points)
        let store = LocalBlobStore(directory: directory.path + "/snapshots.d")
        func blobs() throws -> Set<RelativePath> { Set(try store.list(prefix: "blobs/")) }
        let first = try points.createSnapshot()
        let afterFirst = try blobs()
        try Self.upsert(points, 2000..<2010)
        let second = try points.createSnapshot()
        let new = try blobs().subtracting(afterFirst)
        // Only the log is new.
        #expect(new.count == 1)
        #expect(try new.allSatisfy { try store.size(of: $0) ?? 0 < 20_000 })
        #expect(try points.snapshots() == [first, second])
        #expect(try points.deleteSnapshot(first.name))
        #expect(try !points.deleteSnapshot(first.name))
        #expect(try blobs().isSuperset(of: new))
        let count = try points.count()
        try database.restoreCollection(
            "books", from: .snapshot(name: second.name, collection: "books"), replacing: true)
        #expect(try database.collection("books").count() == count)
        #expect(try database.collection("books").deleteSnapshot(second.name))
        #expect(try store.list(prefix: "").isEmpty)
        try database.close()
    }

    @Test("An archive restores, and a flipped bit in it is found and named")
    func archive() throws {
        let directory = try TemporaryDirectory()
        let database = try Self.open(at: directory.path)
        let points = try database.createCollection("books", Self.configuration)
        try Self.fill(points)
        let before = try Self.contents(points)
        let snapshot = try points.createSnapshot()
        let path = directory.path + "/books.archive"
        let fileSystem = PosixFileSystem()
        let archive = try points.snapshotArchive(snapshot.name)
        try fileSystem.write(archive.stream, to: path)
        let bytes = try fileSystem.read(path)
        #expect(UInt64(bytes.count) == snapshot.byteCount)
        try database.restoreCollection(
            "copy", from: .archive(path: path), replacing: false, checksum: snapshot.checksum)
        #expect(try Self.contents(database.collection("copy")) == before)
        for place in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 40)) {
            var damaged = bytes
            damaged[place] ^= 4
            try fileSystem.replace(path, with: damaged)
            let error = #expect(throws: DatabaseError.self) {
                try database.restoreCollection(
                    "copy", from: .archive(path: path), replacing: true)
            }
            #expect(error?.kind == .corruption || error?.kind == .failedPrecondition)
            #expect(error?.message.contains(path) == true)
            #expect(throws: DatabaseError.self) {
                try database.restoreCollection(
                    "copy", from: .archive(path: path), replacing: true,
                    checksum: snapshot.checksum)
            }
        }
        #expect(try Self.contents(database.collection("copy")) == before)
        #expect(try fileSystem.list(directory.path).filter { $0.hasPrefix(".") }.isEmpty)
        try database.close()
    }

    @Test("A snapshot of the database has every collection and alias")
    func whole() throws {
        let directory = try TemporaryDirectory()
        let database = try Self.open(at: directory.path)
        for name in ["a", "b/c d".replacing("/", with: "-")] {
            try Self.fill(try database.createCollection(name, Self.configuration))
        }
        let snapshot = try database.createSnapshot()
        #expect(snapshot.sequenceNumbers.keys.sorted() == ["a", "b-c d"])
        #expect(try database.snapshots() == [snapshot])
        #expect(try database.collection("a").snapshots() == [])
        #expect(try database.deleteSnapshot(snapshot.name))
        #expect(try database.snapshots() == [])
        try database.close()
    }

    /// The files of the new one were taken for damaged files of the old one.
    @Test("No snapshot is made of a dropped collection, whoever has its name now")
    func dropped() throws {
        let disk = SimulatedFileSystem(directories: ["/d"])
        let database = try Self.open(disk, at: "/d")
        let points = try database.createCollection("books", Self.configuration)
        try Self.upsert(points, 0..<5)
        #expect(try database.dropCollection("books"))
        for _ in 0..<2 {
            let error = #expect(throws: DatabaseError.self) { try points.createSnapshot() }
            #expect(error?.kind == .unavailable)
            #expect(error?.message.contains("is closed") == true, "\(String(describing: error))")
            if !database.hasCollection("books") {
                try database.createCollection("books", Self.configuration)
            }
        }
        #expect(try points.snapshots() == [])
        try database.close()
    }

    @Test("A damaged segment is not kept as a snapshot")
    func damaged() throws {
        let disk = SimulatedFileSystem(directories: ["/d"])
        let database = try Self.open(disk, at: "/d")
        let points = try database.createCollection("books", Self.configuration)
        try Self.fill(points)
        let path = try #require(disk.files.keys.first { $0.hasSuffix(".seg") })
        try disk.flip(bit: 1, ofByte: 5000, in: path)
        let error = #expect(throws: DatabaseError.self) { try points.createSnapshot() }
        #expect(error?.kind == .corruption)
        #expect(try points.snapshots() == [])
        try database.close()
    }
}
