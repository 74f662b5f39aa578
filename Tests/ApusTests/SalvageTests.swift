import Apus
import ApusStorage
import TestSupport
import Testing

@Suite("Rows that cannot be saved")
struct SalvageTests {
    /// The fuzzer of check and repair found it: the row went into the new segment as it was, so that
    /// a repair which called itself complete left a segment that `apus check` complained about.
    @Test("A row whose payload means nothing, under right checksums, is named as lost, not copied")
    func payloadWithoutMeaning() throws {
        let fixture = try DamagedDatabase()
        let disk = fixture.disk.afterKill()
        let path = try fixture.file("books/00000001.seg")
        let lost = try SegmentReader.open(fileSystem: disk, path: path).rowIDs()[50]
        // 27 members, and the bytes end.
        try Self.replacePayload(ofRow: 50, with: [27], in: path, on: disk)
        #expect(try DamagedDatabase.check(disk).faults.contains { $0.contains(path) })
        let report = try DamagedDatabase.repair(disk)
        #expect(report.isComplete)
        #expect(report.collections.flatMap(\.lost).flatMap(\.ids) == [String(lost)])
        #expect(try DamagedDatabase.check(disk).faults == [])
        let database = try DamagedDatabase.open(disk)
        let answers = try fixture.wrongAnswers(of: "books", in: database)
        #expect(answers.wrong == [] && answers.missing == [.number(lost)] && answers.isComplete)
        try database.close()
    }

    @Test("A row of a batch that is yet to come, under right checksums, is kept as an old one")
    func versionAhead() throws {
        let fixture = try DamagedDatabase()
        let disk = fixture.disk.afterKill()
        let path = try fixture.file("books/00000001.seg")
        let old = try SegmentReader.open(fileSystem: disk, path: path)
        let writer = try SegmentWriter(fileSystem: disk, path: path)
        for section in old.sections where !section.name.hasPrefix("versions.") {
            var bytes = unsafe Array(try old.section(section.name))
            if section.name == "versions" { bytes[3 * 8 + 7] = 1 }
            try writer.addSection(name: section.name, encoding: section.encoding, bytes: bytes)
        }
        try writer.finish()
        #expect(try DamagedDatabase.check(disk).faults.contains { $0.contains("versions") })
        #expect(try DamagedDatabase.repair(disk).isComplete)
        #expect(try DamagedDatabase.check(disk).faults == [])
        let database = try DamagedDatabase.open(disk)
        let answers = try fixture.wrongAnswers(of: "books", in: database)
        #expect(answers.wrong == [] && answers.missing.isEmpty && answers.isComplete)
        try database.close()
    }

    /// Writes a segment file again, all checksums right, with one payload changed.
    private static func replacePayload(
        ofRow changed: Int, with bytes: [UInt8], in path: String, on disk: SimulatedFileSystem
    ) throws {
        let old = try SegmentReader.open(fileSystem: disk, path: path)
        let payloads = try RowBlockReader(old, prefix: "payload")
        let writer = try SegmentWriter(fileSystem: disk, path: path)
        for section in old.sections where section.name != "payload.index" {
            if section.name == "payload.blocks" {
                try RowBlockWriter.addSections(to: writer, prefix: "payload") { rows in
                    for row in 0..<payloads.rowCount {
                        try rows.append(row == changed ? bytes : try payloads.row(row))
                    }
                }
            } else {
                try writer.addSection(
                    name: section.name, encoding: section.encoding,
                    bytes: unsafe Array(try old.section(section.name)))
            }
        }
        try writer.finish()
    }
}
