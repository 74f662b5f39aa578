import Apus
import Foundation
import Testing

/// Databases that earlier versions wrote, one for each format version, stay readable and writable.
///
/// `APUS_WRITE_GOLDEN=v2` makes `Fixtures/format/v2` from what this version writes: once, when a
/// format version changes. Files that are there are never written again.
@Suite("Golden files")
struct GoldenFilesTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/format").path

    static let versions: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter { $0.hasPrefix("v") }.sorted()

    @Test(
        "A database is written for a new format version",
        .enabled(if: ProcessInfo.processInfo.environment["APUS_WRITE_GOLDEN"] != nil))
    func write() throws {
        let version = try #require(ProcessInfo.processInfo.environment["APUS_WRITE_GOLDEN"])
        let target = "\(Self.folder)/\(version)"
        try #require(!FileManager.default.fileExists(atPath: target), "\(target) exists")
        let directory = try TemporaryDirectory()
        try GoldenDatabase.make(at: directory.path)
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        // Closed files, as they are: opening them to describe them is done on the copy.
        try FileManager.default.copyItem(
            atPath: directory.path, toPath: "\(target)/database")
        try FileManager.default.removeItem(atPath: "\(target)/database/LOCK")
        let database = try Database.open(at: directory.path)
        try GoldenContent(database).write(to: "\(target)/expected.json")
        try database.close()
    }

    @Test("There is a database of format version 1")
    func exists() { #expect(Self.versions.contains("v1")) }

    @Test("Everything in a database of an earlier version is there", arguments: versions)
    func readEverything(_ version: String) throws {
        let copy = try GoldenCopy(version)
        let expected = try GoldenContent(contentsOf: "\(Self.folder)/\(version)/expected.json")
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
        let expected = try GoldenContent(contentsOf: "\(Self.folder)/\(version)/expected.json")
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
