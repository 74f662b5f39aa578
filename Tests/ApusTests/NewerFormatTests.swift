import Apus
import Foundation
import TestSupport
import Testing

/// A file of a later format version is refused as such, whatever is behind its version, and the
/// message says which version was found and which are known. ALIASES and CURRENT have no version of
/// their own: that of the marker is theirs too.
@Suite("Files of a newer format")
struct NewerFormatTests {
    static let kinds: [String] = [
        "marker", "manifest", "deletions", "log header", "batch", "segment", "meta", "graph",
    ]

    @Test("A newer version of any kind of file is refused by name", arguments: kinds)
    func refused(_ kind: String) throws {
        let copy = try GoldenCopy("v1")
        try Self.makeNewer(kind, in: copy.path)
        let error = #expect(throws: DatabaseError.self) {
            let database = try Database.open(at: copy.path)
            defer { try? database.close() }
            // It concerns one collection: the others are served.
            for name in database.collectionNames() { _ = try database.collection(name) }
        }
        Self.expectRefusal(
            error, of: kind, naming: kind == "batch" ? "batch 6 of the log" : copy.path)
    }

    private static func expectRefusal(
        _ error: DatabaseError?, of kind: String, naming place: String
    ) {
        #expect(error?.kind == .failedPrecondition, "\(kind): \(String(describing: error))")
        let message = error?.message ?? ""
        #expect(message.contains(/version 9\b.*\bknows\D*\d+/), "\(kind): \(message)")
        #expect(message.contains(place), "\(kind): \(message)")
    }

    @Test("A newer record of a snapshot is refused by name, and the collection is served")
    func snapshotRecord() throws {
        let copy = try GoldenCopy("v1/later")
        let path = try Self.change(
            ".snapshot", under: "snapshots.d/collections/", in: copy.path
        ) {
            try Self.makeVersionNewer(&$0)
            ChecksumRepair.snapshotRecord.apply(to: &$0)
        }
        let name = try #require(path.split(separator: "/").last.map(String.init))
        let database = try Database.open(at: copy.path)
        let books = try database.collection("books")
        let error = #expect(throws: DatabaseError.self) { try books.snapshotArchive(name) }
        Self.expectRefusal(error, of: "record", naming: name)
        #expect(try books.count() > 0)
        #expect(try database.snapshots().count == 1)
        try database.close()
    }

    @Test("A newer archive, and one with a newer record, are refused by name and leave nothing")
    func archive() throws {
        for kind in ["header", "record"] {
            let directory = try TemporaryDirectory()
            var bytes = Array(
                try Data(contentsOf: URL(filePath: GoldenFilesTests.archive("v1/later"))))
            if kind == "header" {
                bytes.store(UInt16(9), at: 4)
            } else {
                // It is the content of the first entry, whose name is before it.
                let count = try #require(bytes.load(UInt64.self, at: 16 + 12))
                let start = 16 + 24 + "snapshot.json".utf8.count
                var record = Array(bytes[start..<(start + Int(count))])
                try Self.makeVersionNewer(&record)
                ChecksumRepair.snapshotRecord.apply(to: &record)
                bytes.replaceSubrange(start..<(start + Int(count)), with: record)
            }
            ChecksumRepair.archive.apply(to: &bytes)
            let path = "\(directory.path)/archive"
            try Data(bytes).write(to: URL(filePath: path))
            let error = #expect(throws: DatabaseError.self) {
                try DatabaseRestore(source: path).run(into: "\(directory.path)/restored")
            }
            Self.expectRefusal(error, of: kind, naming: path)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["archive"])
        }
    }

    @Test(
        "A newer graph checkpoint is passed over, and check names it", arguments: ["file", "meta"])
    func checkpoint(_ kind: String) throws {
        let copy = try GoldenCopy("v1/later")
        let path = try Self.change(".graph", under: "recent/", in: copy.path) { bytes in
            if kind == "meta" {
                try Self.makeMetaNewer(&bytes)
            } else {
                bytes.store(UInt16(9), at: 4)
            }
            ChecksumRepair.segment.apply(to: &bytes)
        }
        let faults = try Database.check(at: copy.path).faults
        // What is in a container is for the next start to judge.
        #expect(faults.count == (kind == "meta" ? 0 : 1))
        #expect(faults.allSatisfy { $0.contains(path) && $0.contains("version 9") }, "\(faults)")
        let expected = try GoldenContent(
            contentsOf: "\(GoldenFilesTests.folder)/v1/later/expected.json")
        let database = try Database.open(at: copy.path)
        #expect(try database.collection("recent").recovery.checkpointedRowCount == 0)
        #expect(try GoldenContent(database).isEqual(to: expected, scoreTolerance: 1e-5))
        try database.close()
    }

    /// Changes the first file of a folder whose path has the suffix. Returns its path.
    private static func change(
        _ suffix: String, under folder: String = "", in database: String,
        _ body: (inout [UInt8]) throws -> Void
    ) throws -> String {
        let names = try FileManager.default.subpathsOfDirectory(atPath: database).sorted()
        let name = try #require(names.first { $0.hasPrefix(folder) && $0.hasSuffix(suffix) })
        let path = "\(database)/\(name)"
        var bytes = Array(try Data(contentsOf: URL(filePath: path)))
        try body(&bytes)
        try Data(bytes).write(to: URL(filePath: path))
        return path
    }

    /// Gives the first file of the kind the version 9, with checksums that are right.
    private static func makeNewer(_ kind: String, in database: String) throws {
        let suffixes = [
            "marker": "APUS", "manifest": "MANIFEST-00000004", "deletions": ".del-5",
            "log header": ".wal", "batch": ".wal", "segment": ".seg", "meta": ".seg",
            "graph": ".seg",
        ]
        let suffix = try #require(suffixes[kind])
        let repair = try #require(ChecksumRepair(path: suffix))
        _ = try change(suffix, in: database) { bytes in
            switch kind {
            case "marker":
                bytes = Array("apus database format 9\n00000000\n".utf8)
            case "batch":
                bytes[try firstLiteral(ofRecordAt: 40, in: bytes)] = 9
            case "meta":
                try makeMetaNewer(&bytes)
            case "graph":
                let section = try Self.section("graph.0.header", of: bytes)
                bytes.store(UInt32(9), at: section.lowerBound + 4)
            default:
                bytes.store(UInt16(9), at: 4)
            }
            repair.apply(to: &bytes)
        }
    }

    private static func makeMetaNewer(_ segment: inout [UInt8]) throws {
        let section = try section("meta", of: segment)
        var meta = Array(segment[section])
        try makeVersionNewer(&meta)
        segment.replaceSubrange(section, with: meta)
    }

    /// In text of JSON, which keeps its length.
    private static func makeVersionNewer(_ bytes: inout [UInt8]) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        let newer = text.replacing("\"formatVersion\":1", with: "\"formatVersion\":9")
        try #require(newer != text)
        bytes = Array(newer.utf8)
    }

    private static func section(_ name: String, of segment: [UInt8]) throws -> Range<Int> {
        let trailer = segment.count - 32
        let footer = try #require(segment.load(UInt64.self, at: trailer).flatMap(Int.init))
        let found = ChecksumRepair.sections(segment, footer..<trailer)
            .first { $0.name == name }
        return try #require(found).range
    }

    /// Where the first byte of a batch stands: as it is, or behind the lengths of an LZ4 block,
    /// which begins with bytes that it could not have copied from anywhere.
    static func firstLiteral(ofRecordAt start: Int, in log: [UInt8]) throws -> Int {
        var place = start + 32
        guard log[start + 29] & 1 == 1 else { return place }
        if log[place] >> 4 == 15 {
            repeat { place += 1 } while log[place] == 255
        }
        return place + 1
    }
}
