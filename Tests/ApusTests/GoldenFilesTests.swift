import Apus
import ApusStorage
import Foundation
import TestSupport
import Testing

/// Databases that earlier versions wrote stay readable and writable, and so do their snapshots and
/// archives. `v1` is what the first program of format version 1 wrote, `v1/later` what programs of
/// that version have written since, `v1/datatypes` what they write since segments may have vectors of
/// halves and bytes.
///
/// `APUS_WRITE_GOLDEN=v2` makes `Fixtures/format/v2` from what this program writes: once, when a
/// format version changes, or (`v1/later`) what is written under it. Files that are there are never
/// written again.
@Suite("Golden files")
struct GoldenFilesTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/format").path

    /// Folders of a database and of what must be found in it.
    static let versions: [String] = folders(with: "expected.json")
    /// Those with snapshots.
    static let withSnapshots: [String] = folders(with: archiveName)

    private static let archiveName = "full.snapshot"

    private static func folders(with file: String) -> [String] {
        ((try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? [])
            .filter { $0.hasSuffix("/\(file)") && !$0.contains("/database/") }
            .map { String($0.dropLast(file.count + 1)) }.sorted()
    }

    private static func expected(_ version: String) throws -> GoldenContent {
        try GoldenContent(contentsOf: "\(folder)/\(version)/expected.json")
    }

    /// The archive of the whole database.
    static func archive(_ version: String) -> String { "\(folder)/\(version)/\(archiveName)" }

    @Test(
        "A database is written for a new format version",
        .enabled(if: ProcessInfo.processInfo.environment["APUS_WRITE_GOLDEN"] != nil))
    func write() throws {
        let version = try #require(ProcessInfo.processInfo.environment["APUS_WRITE_GOLDEN"])
        let target = "\(Self.folder)/\(version)"
        try #require(!FileManager.default.fileExists(atPath: target), "\(target) exists")
        let directory = try TemporaryDirectory()
        let original = "\(directory.path)/database"
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        try GoldenDatabase.make(at: original, archive: Self.archive(version))
        // Closed files, as they are: opening them to describe them is done on the copy.
        try FileManager.default.copyItem(atPath: original, toPath: "\(target)/database")
        try FileManager.default.removeItem(atPath: "\(target)/database/LOCK")
        let database = try Database.open(at: original)
        try GoldenContent(database).write(to: "\(target)/expected.json")
        try database.close()
    }

    @Test("There is a database of format version 1, and what was written under it later")
    func exists() { #expect(Self.versions == ["v1", "v1/datatypes", "v1/later"]) }

    @Test("The later files have what the first ones lack")
    func covers() throws {
        func bytes(_ path: String) throws -> [UInt8] {
            Array(try Data(contentsOf: URL(filePath: "\(Self.folder)/\(path)")))
        }
        func files(_ folder: String, _ suffix: String) throws -> [String] {
            try FileManager.default.subpathsOfDirectory(atPath: "\(Self.folder)/\(folder)")
                .filter { $0.hasSuffix(suffix) }.map { "\(folder)/\($0)" }
        }
        for (version, format) in [("v1", 1), ("v1/later", 2)] {
            for name in try files("\(version)/database/books/wal", ".wal") {
                let log = try bytes(name)
                let batch = try NewerFormatTests.firstLiteral(ofRecordAt: 40, in: log)
                #expect(log[batch] == format, "\(name): batches of format \(format)")
            }
            // A second line has the checksum.
            let aliases = try bytes("\(version)/database/ALIASES")
            #expect(aliases.count { $0 == 0x0a } == (format == 1 ? 0 : 2))
        }
        let wide = try SegmentReader.open(
            path: "\(Self.folder)/v1/later/database/wide/00000001.seg")
        #expect(wide.hasSection("codes.0") && wide.hasSection("ids.sums"))
        #expect(try files("v1/later/database/recent", ".graph").count == 1)
        #expect(try files("v1/later/database/snapshots.d/collections", ".snapshot").count == 1)
        #expect(try files("v1/later/database/snapshots.d/full", ".snapshot").count == 1)
    }

    @Test("The latest files have vectors of every datatype, and every index")
    func coversDatatypes() throws {
        func segment(_ collection: String) throws -> SegmentReader {
            try SegmentReader.open(
                path: "\(Self.folder)/v1/datatypes/database/\(collection)/00000001.seg")
        }
        for (name, stride, hasCodes) in [("halves", 64, true), ("bytes", 64, false)] {
            let file = try segment(name)
            let meta = String(decoding: unsafe Array(try file.section("meta")), as: UTF8.self)
            #expect(meta.contains("\"formatVersion\":2") && meta.contains("\"datatype\""))
            #expect(file.hasSection("rabitq.0") && file.hasSection("codes.1") == hasCodes)
            let component = name == "bytes" ? 1 : 2
            #expect(try file.descriptor("vectors.1").byteCount == 50 * stride * component)
        }
        #expect(try segment("lists").hasSection("ivf.0.codes"))
        #expect(try segment("many").hasSection("recall.0"))
        #expect(try segment("books").hasSection("values.0"))
    }

    @Test("Everything in a database of an earlier version is there", arguments: versions)
    func readEverything(_ version: String) throws {
        let copy = try GoldenCopy(version)
        let expected = try Self.expected(version)
        // Twice: what the first opening leaves behind must read the same.
        for _ in 0..<2 {
            let database = try Database.open(at: copy.path)
            let found = try GoldenContent(database)
            #expect(found.isEqual(to: expected, scoreTolerance: 1e-5))
            #expect(
                found.collections.mapValues(\.points) == expected.collections.mapValues(\.points))
            #expect(
                database.collectionNames().allSatisfy {
                    (try? database.collection($0).info().status) != .red
                })
            try database.close()
        }
    }

    @Test("A database of an earlier version takes writes and seals them", arguments: versions)
    func goOn(_ version: String) throws {
        let copy = try GoldenCopy(version)
        let expected = try Self.expected(version)
        let ids = try #require(expected.collections["books"]).points.map(\.id)
        do {
            let database = try Database.open(at: copy.path)
            let books = try database.collection("library")
            try books.upsert([Point(id: 900, vector: [Float](repeating: 1, count: 8))])
            try books.delete(.ids([1]))
            try books.seal()
            try database.close()
        }
        let database = try Database.open(at: copy.path)
        let page = try database.collection("books").scroll(ScrollRequest(limit: 1000))
        #expect(page.points.map(\.id.description) == ids.filter { $0 != "1" } + ["900"])
        try database.close()
    }

    @Test("The graphs of rows in the log come back from a checkpoint that an earlier program wrote")
    func checkpoint() throws {
        let copy = try GoldenCopy("v1/later")
        let database = try Database.open(at: copy.path)
        let recovery = try database.collection("recent").recovery
        #expect(recovery.checkpointedRowCount >= GoldenDatabase.recentCount / 2)
        try database.close()
    }

    @Test("Snapshots that an earlier program kept are restored and sent", arguments: withSnapshots)
    func snapshots(_ version: String) throws {
        let copy = try GoldenCopy(version)
        let expected = try #require(try Self.expected(version).collections["books"])
        let database = try Database.open(at: copy.path)
        let snapshot = try #require(try database.collection("books").snapshots().first)
        #expect(snapshot.sequenceNumbers["books"]?.rawValue == expected.sequenceNumber)
        try database.restoreCollection(
            "again", from: .snapshot(name: snapshot.name, collection: "books"), replacing: false)
        let found = try #require(try GoldenContent(database).collections["again"])
        #expect(found.points == expected.points)
        #expect(found.configuration == expected.configuration)
        #expect(found.payloadIndexes == expected.payloadIndexes)
        // Its archive is, byte for byte, the one that was made then.
        let full = try #require(try database.snapshots().first)
        let path = "\(copy.path)/../sent"
        try database.writeArchive(full.name, of: nil, to: path)
        let (sent, kept) = (URL(filePath: path), URL(filePath: Self.archive(version)))
        #expect(try Data(contentsOf: sent) == Data(contentsOf: kept))
        try database.close()
    }

    @Test("An archive that an earlier program made is restored", arguments: withSnapshots)
    func archive(_ version: String) throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/restored"
        _ = try DatabaseRestore(source: Self.archive(version)).run(into: path)
        let database = try Database.open(at: path)
        #expect(
            try GoldenContent(database)
                .isEqual(to: Self.expected(version), scoreTolerance: 1e-5))
        try database.close()
    }
}

/// A copy of a golden database, to be opened and written to.
struct GoldenCopy: ~Copyable {
    private let directory: TemporaryDirectory
    var path: String { "\(directory.path)/database" }

    init(_ version: String) throws {
        try self.init(version, in: TemporaryDirectory())
    }

    // A value that cannot be copied must be whole before anything can throw.
    private init(_ version: String, in directory: consuming TemporaryDirectory) throws {
        let target = directory.path + "/database"
        self.directory = directory
        try FileManager.default.copyItem(
            atPath: "\(GoldenFilesTests.folder)/\(version)/database", toPath: target)
    }
}
