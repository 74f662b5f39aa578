import Apus
import Foundation
import TestSupport
import Testing

/// A file of a later format version is refused as such, whatever is behind its version, and the
/// message says which version was found and which are known.
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
        #expect(error?.kind == .failedPrecondition, "\(kind): \(String(describing: error))")
        let message = error?.message ?? ""
        #expect(message.contains(/version 9\b.*\bknows\D*\d+/), "\(kind): \(message)")
        let place = kind == "batch" ? "batch 6 of the log" : copy.path
        #expect(message.contains(place), "\(kind): \(message)")
    }

    /// Gives the first file of the kind the version 9, with checksums that are right.
    private static func makeNewer(_ kind: String, in database: String) throws {
        let suffixes = [
            "marker": "APUS", "manifest": "MANIFEST-00000004", "deletions": ".del-5",
            "log header": ".wal", "batch": ".wal", "segment": ".seg", "meta": ".seg",
            "graph": ".seg",
        ]
        let suffix = try #require(suffixes[kind])
        let names = try FileManager.default.subpathsOfDirectory(atPath: database).sorted()
        let name = try #require(names.first { $0.hasSuffix(suffix) })
        let url = URL(filePath: "\(database)/\(name)")
        var bytes = Array(try Data(contentsOf: url))
        switch kind {
        case "marker":
            bytes = Array("apus database format 9\n00000000\n".utf8)
        case "batch":
            bytes[try firstLiteral(ofRecordAt: 40, in: bytes)] = 9
        case "meta":
            let section = try Self.section("meta", of: bytes)
            let text = String(decoding: bytes[section], as: UTF8.self)
            let newer = text.replacing("\"formatVersion\":1", with: "\"formatVersion\":9")
            bytes.replaceSubrange(section, with: Array(newer.utf8))
        case "graph":
            let section = try Self.section("graph.0.header", of: bytes)
            bytes.store(UInt32(9), at: section.lowerBound + 4)
        default:
            bytes.store(UInt16(9), at: 4)
        }
        let repair = try #require(ChecksumRepair(path: name))
        repair.apply(to: &bytes)
        try Data(bytes).write(to: url)
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
    private static func firstLiteral(ofRecordAt start: Int, in log: [UInt8]) throws -> Int {
        var place = start + 32
        guard log[start + 29] & 1 == 1 else { return place }
        if log[place] >> 4 == 15 {
            repeat { place += 1 } while log[place] == 255
        }
        return place + 1
    }
}
