import Apus
import ApusStorage
import Foundation
import TestSupport
import Testing

/// What the engine writes, compared with the tables of docs/format.md. A change here is a new format
/// version, not a new expectation: files that were written with the old bytes exist.
@Suite("What the engine writes")
struct EngineFormatTests {
    private static let time: UInt64 = 1_767_225_600_123

    private static func database(
        on disk: SimulatedFileSystem, checkpointRowsMin: Int = 100
    ) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.searchThreads = 1
        configuration.indexThreads = 1
        configuration.checkpointRowsMin = checkpointRowsMin
        return try Database.open(
            at: "/d", configuration: configuration, fileSystem: disk, now: { time })
    }

    /// A collection of points 1, 2, 3, …, each a batch of its own.
    private static func books(in database: Database, count: Int) throws -> Collection {
        let books = try database.createCollection(
            "books", CollectionConfiguration(dimension: 2, metric: .euclid))
        for number in 1...count {
            try books.upsert([Point(id: .number(UInt64(number)), vector: [Float(number), 1])])
        }
        return books
    }

    private static func json(_ bytes: [UInt8]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    /// As text.
    private static func checksum(_ bytes: [UInt8]) -> String {
        let digits = String(ChecksumRepair.checksum(bytes, 0..<bytes.count), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    @Test("A batch keeps its bytes")
    func batch() {
        let point = StoredPoint(
            id: .uuid(UUIDBytes(high: 1, low: 2)), dense: ["v": [1]], payload: [0], others: [:])
        let batch = WriteBatch(effects: [.delete(.number(300)), .put(point)], time: 300)
        // Format, time, fields.
        var expected: [UInt8] = [2, 0xac, 0x02, 1, 1, UInt8(ascii: "v")]
        // Two effects: a deletion, of the number 300 …
        expected += [2, 2, 0, 0xac, 0x02]
        // … and a point: its id, one vector, a payload without members, no extras.
        expected += [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
        expected += [1, 0, 1, 0, 0, 0x80, 0x3f, 1, 0, 0]
        #expect(batch.encoded() == expected)
    }

    @Test("ALIASES keeps its bytes")
    func aliases() throws {
        let disk = SimulatedFileSystem(directories: ["/d"])
        let database = try Self.database(on: disk)
        _ = try Self.books(in: database, count: 1)
        try database.changeAliases([.create(alias: "library", collection: "books")])
        try database.close()
        let line = #"{"library":"books"}"#
        let checksum = Self.checksum(Array(line.utf8))
        #expect(try disk.bytes(of: "/d/ALIASES") == Array("\(line)\n\(checksum)\n".utf8))
    }

    @Test("The record of a snapshot says what format.md says, and its files are under their keys")
    func snapshotRecord() throws {
        let disk = SimulatedFileSystem(directories: ["/d"])
        let database = try Self.database(on: disk)
        let snapshot = try Self.books(in: database, count: 3).createSnapshot()
        try database.close()
        let bytes = try disk.bytes(of: "/d/snapshots.d/collections/books/\(snapshot.name)")
        let line = Array(bytes.prefix { $0 != 0x0a } + [0x0a])
        #expect(Array(bytes.dropFirst(line.count)) == Array("\(Self.checksum(line))\n".utf8))
        let record = try Self.json(line)
        #expect(
            record.keys.sorted() == [
                "archive", "collections", "createdAt", "formatVersion", "name",
            ])
        #expect(record["formatVersion"] as? Int == 1)
        #expect(record["name"] as? String == snapshot.name)
        #expect(record["createdAt"] as? UInt64 == Self.time)
        let archive = try #require(record["archive"] as? [String: Any])
        #expect(archive.keys.sorted() == ["byteCount", "sha256"])
        let parts = try #require(record["collections"] as? [[String: Any]])
        let part = try #require(parts.first)
        #expect(
            part.keys.sorted() == ["collection", "files", "log", "sequenceNumber", "time"])
        #expect(part["collection"] as? String == "books")
        #expect(part["sequenceNumber"] as? Int == 3)
        #expect(part["time"] as? UInt64 == Self.time)
        let files = try #require(part["files"] as? [[String: Any]])
        #expect(
            files.compactMap { $0["name"] as? String }
                == ["CURRENT", "MANIFEST-00000001", "wal/00000000000000000001.wal"])
        for file in files {
            #expect(file.keys.sorted() == ["byteCount", "crc32c", "name", "sha256"])
            let hash = try #require(file["sha256"] as? String)
            let content = try disk.bytes(of: "/d/snapshots.d/blobs/\(hash)")
            #expect(file["byteCount"] as? Int == content.count)
            #expect(
                file["crc32c"] as? UInt32 == ChecksumRepair.checksum(content, 0..<content.count))
        }
    }

    @Test("A graph checkpoint has the sections and the description that format.md says")
    func graphCheckpoint() throws {
        let disk = SimulatedFileSystem(directories: ["/d"])
        let database = try Self.database(on: disk, checkpointRowsMin: 100)
        try Self.books(in: database, count: 300).waitUntilIndexed()
        try database.close()
        // The first of its rows was written by batch 1.
        let path = "/d/books/00000000000000000001.graph"
        let reader = try SegmentReader.open(fileSystem: disk, path: path)
        #expect(
            reader.sections.map(\.name) == [
                "meta", "graph.0.header", "graph.0.links0", "graph.0.levels", "graph.0.upper",
            ])
        let meta = try Self.json(unsafe Array(try reader.section("meta")))
        #expect(meta.keys.sorted() == ["fields", "formatVersion", "rowCount", "rowsChecksum"])
        #expect(meta["formatVersion"] as? Int == 1)
        #expect(meta["fields"] as? [String] == [""])
        let rowCount = try #require(meta["rowCount"] as? Int)
        #expect((100...300).contains(rowCount))
        // Ids of 24 bytes, of numbers; then LSNs. Point n was written by batch n.
        let numbers = (1...rowCount).map { number in
            (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        let rows =
            numbers.flatMap { [UInt8](repeating: 0, count: 16) + $0 } + numbers.flatMap(\.self)
        #expect(
            meta["rowsChecksum"] as? UInt32 == ChecksumRepair.checksum(rows, 0..<rows.count))
    }
}
