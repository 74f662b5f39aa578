import Apus
import ApusKernels
import ApusStorage
import Foundation
import TestSupport
import Testing

/// Snapshots that come from elsewhere: their records in a store, and archives that are restored.
@Suite("Fuzzing snapshots") struct SnapshotFuzzTests {
    private static let root = "d/db"
    private static let time: UInt64 = 1_767_225_600_000

    private static func disk() -> SimulatedFileSystem { SimulatedFileSystem(directories: ["d"]) }

    /// A database with segment files, deletions, a log and an alias.
    private static func filled(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = DatabaseFuzzTests.configuration
        configuration.mergesInBackground = false
        let database = try Database.open(
            at: root, configuration: configuration, fileSystem: disk, now: { time })
        // Enough dimensions for 8-bit codes.
        let points = try database.createCollection(
            "c",
            CollectionConfiguration(
                dimension: 32, metric: .euclid,
                hnsw: HNSWConfiguration(m: 2, efConstruct: 8, fullScanThreshold: 0)))
        func upsert(_ ids: Range<Int>) throws {
            try points.upsert(
                ids.map {
                    Point(
                        id: .number(UInt64($0)), vector: [Float](repeating: Float($0), count: 32),
                        payload: ["n": .integer(Int64($0))])
                })
        }
        try upsert(0..<8)
        try points.seal()
        try points.delete(.ids([4, 5]))
        try upsert(7..<12)
        try points.seal()
        try upsert(12..<15)
        try database.changeAliases([.create(alias: "a", collection: "c")])
        return database
    }

    // MARK: Records

    private static let recordTokens = [
        "null", "-1", "0", "18446744073709551615", "4611686018427387904", "1e30", "\"\"", "{}",
        "[]",
        "..", "/", "%2e", "\"sha256\":", "\"files\":", "\"collections\":", "\"aliases\":",
        "CURRENT",
    ]

    @Test("Records of snapshots") func record() async throws {
        let disk = Self.disk()
        let database = try Self.filled(disk)
        defer { try? database.close() }
        let points = try database.collection("c")
        let folder = "\(Self.root)/snapshots.d/collections/c"
        for name in ["snapshots.d", "snapshots.d/collections", "snapshots.d/collections/c"] {
            try disk.makeDirectoryIfNeeded("\(Self.root)/\(name)")
        }
        try await fuzz(
            FuzzTarget(
                name: "snapshot-record", tokens: Self.recordTokens,
                repair: { ChecksumRepair.snapshotRecord.apply(to: &$0.bytes) },
                samples: { try Self.records() },
                run: { input in
                    try refusing(with: DatabaseError.self) {
                        try Self.read(input.bytes, of: points, at: "\(folder)/r.snapshot", disk)
                    }
                }))
    }

    /// A record that is read is written, into the archive, as one that says the same.
    private static func read(
        _ record: [UInt8], of points: Collection, at path: String, _ disk: SimulatedFileSystem
    ) throws {
        func archive(_ bytes: [UInt8]) throws -> (SnapshotDescription, ArchiveStream) {
            try disk.put(bytes, at: path)
            do {
                return try points.snapshotArchive("r.snapshot")
            } catch let error as DatabaseError {
                try DatabaseFuzzTests.check(error)
                throw error
            }
        }
        var (found, stream) = try archive(record)
        // The archive's header, and that of its first entry.
        _ = (try stream.next(), try stream.next())
        var (again, _) = try archive(try stream.next() ?? [])
        // The record inside of an archive does not say what that is.
        (found.byteCount, found.checksum) = (0, "")
        (again.byteCount, again.checksum) = (0, "")
        try expect(again == found, "another record comes back")
    }

    /// Of one collection, and of the whole database.
    private static func records() throws -> [FuzzInput] {
        let disk = disk()
        let database = try filled(disk)
        let one = try database.collection("c").createSnapshot()
        let all = try database.createSnapshot()
        try database.close()
        let store = "\(root)/snapshots.d"
        return [
            FuzzInput(
                name: "record~one", bytes: try disk.bytes(of: "\(store)/collections/c/\(one.name)")),
            FuzzInput(name: "record~all", bytes: try disk.bytes(of: "\(store)/full/\(all.name)")),
        ]
    }

    // MARK: Archives

    /// The archive is changed as it is (`archive`), or a file in it, under checksums that are those
    /// of the changed file. `Fixtures/fuzz/restore` holds both, `__` standing for `/`.
    @Test("Restoring a changed archive, or changed files in one") func restore() async throws {
        if FuzzSettings(ProcessInfo.processInfo.environment).writesCorpus {
            try FuzzCorpus.write(try Self.archive(), of: "restore")
        }
        let files = try FuzzCorpus.inputs(of: "restore").filter {
            $0.name == $0.purpose && $0.name != "archive"
        }
        try await fuzz(
            FuzzTarget(
                name: "restore", share: 0.01, tokens: Self.recordTokens + DatabaseFuzzTests.tokens,
                repair: { input in
                    let kind: ChecksumRepair? =
                        input.purpose == "archive" ? .archive : ChecksumRepair(path: input.path)
                    kind?.apply(to: &input.bytes)
                },
                samples: { [] },
                run: { input in
                    let disk = Self.disk()
                    if input.purpose == "archive" {
                        try disk.put(input.bytes, at: "d/archive")
                    } else {
                        try disk.write(try Self.archive(of: files, with: input), to: "d/archive")
                    }
                    return try Self.restore(disk)
                }))
    }

    /// After a restore that is refused nothing is there; after another one there is a database.
    private static func restore(_ disk: SimulatedFileSystem) throws -> FuzzOutcome {
        do {
            _ = try DatabaseRestore(source: "d/archive").run(into: root, fileSystem: disk)
        } catch let error as DatabaseError {
            try DatabaseFuzzTests.check(error)
            let left = try disk.list("d")
            try expect(left == ["archive"], "a refused restore left \(left)")
            return .refused
        }
        return try DatabaseFuzzTests.use(disk, at: root)
    }

    /// The record and the files of a snapshot, and its archive.
    private static func archive() throws -> [FuzzInput] {
        let disk = disk()
        let database = try filled(disk)
        let snapshot = try database.createSnapshot()
        try database.writeArchive(snapshot.name, of: nil, to: "d/archive")
        try database.close()
        var reader = try ArchiveReader(fileSystem: disk, path: "d/archive")
        var inputs = [FuzzInput(name: "archive", bytes: try disk.bytes(of: "d/archive"))]
        while let entry = try reader.nextEntry() {
            var bytes: [UInt8] = []
            while let piece = try reader.nextPiece() { bytes += piece }
            inputs.append(
                FuzzInput(name: entry.name.description.replacing("/", with: "__"), bytes: bytes))
        }
        return inputs
    }

    /// An archive of these files, one of them changed, whose record has what the files are.
    private static func archive(
        of files: [FuzzInput], with changed: FuzzInput
    ) throws -> ArchiveStream {
        var contents: [String: [UInt8]] = [:]
        for file in files { contents[file.path] = file.bytes }
        contents[changed.path] = changed.bytes
        var record = contents.removeValue(forKey: "snapshot.json") ?? []
        if changed.path != "snapshot.json" {
            var edited = try JSONDecoder().decode(
                Record.self, from: Data(record.prefix { $0 != 0x0a }))
            edited.describe(changed)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            record = [UInt8](try encoder.encode(edited)) + [0x0a]
            ChecksumRepair.snapshotRecord.apply(to: &record)
        }
        let sources = [("snapshot.json", record)] + contents.sorted { $0.key < $1.key }
        return ArchiveStream(
            try sources.map { name, bytes in
                ArchiveStream.Source(name: try #require(RelativePath(name)), bytes: bytes)
            })
    }
}

/// The record of a snapshot as docs/format.md has it.
private struct Record: Codable {
    struct File: Codable {
        var name: String
        var byteCount: Int
        var sha256: String
        var crc32c: UInt32
    }

    struct Part: Codable {
        var collection: String
        var sequenceNumber: UInt64
        var time: UInt64
        var log: String
        var files: [File]
    }

    var formatVersion: Int
    var name: String
    var createdAt: UInt64
    var collections: [Part]
    var aliases: [String: String]?

    /// Makes it say of a file what that file is.
    mutating func describe(_ changed: FuzzInput) {
        for (position, part) in collections.enumerated() {
            for (place, file) in part.files.enumerated()
            where changed.path == "\(part.collection)/\(file.name)" {
                collections[position].files[place] = File(
                    name: file.name, byteCount: changed.bytes.count,
                    sha256: SHA256.digest(of: changed.bytes).description,
                    crc32c: ChecksumRepair.checksum(changed.bytes, 0..<changed.bytes.count))
            }
        }
    }
}
