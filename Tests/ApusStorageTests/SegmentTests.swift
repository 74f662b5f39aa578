import ApusCore
import ApusStorage
import TestSupport
import Testing

@Suite struct SegmentTests {
    private let text = Array("a section that is not aligned to anything".utf8)

    /// A small segment with three sections of its own and rows.
    private func segment(in scratch: ScratchDirectory) throws -> [UInt8] {
        let writer = try SegmentWriter(
            fileSystem: PosixFileSystem(), path: scratch.file("00000001.seg"))
        try writer.addSection(name: "text", encoding: .raw, bytes: text)
        try writer.addSection(name: "empty", encoding: SectionEncoding(rawValue: 77)) { _ in }
        try RowBlockWriter.addSections(to: writer, prefix: "payload", blockByteCount: 100) { rows in
            for number in 0..<30 { try rows.append(row(number)) }
        }
        let byteCount = try writer.finish()
        let bytes = try scratch.read("00000001.seg")
        #expect(UInt64(bytes.count) == byteCount)
        return bytes
    }

    private func row(_ number: Int) -> [UInt8] {
        Array(String(repeating: "row \(number), ", count: number % 7).utf8)
    }

    @Test func spaceIsTakenAtOnceAndTheRestGivenBack() throws {
        let disk = SimulatedFileSystem(seed: 3)
        try disk.makeDirectory("/db")
        disk.change { $0.capacity = 1 << 20 }
        let refused = #expect(throws: StorageError.self) {
            try SegmentWriter(
                fileSystem: disk, path: "/db/00000001.seg", expectedByteCount: 2 << 20)
        }
        #expect(refused?.kind == .outOfSpace)
        #expect(try disk.list("/db").isEmpty)
        let writer = try SegmentWriter(
            fileSystem: disk, path: "/db/00000001.seg", expectedByteCount: 1 << 19)
        #expect(try disk.freeByteCount(of: "/db") == 1 << 19)
        try writer.addSection(name: "text", encoding: .raw, bytes: text)
        let byteCount = try writer.finish()
        #expect(try disk.freeByteCount(of: "/db") == (1 << 20) - byteCount)
        let reader = try SegmentReader.open(fileSystem: disk, path: "/db/00000001.seg")
        #expect(reader.verify().isEmpty)
    }

    @Test func sectionsComeBackAligned() throws {
        let scratch = try ScratchDirectory()
        _ = try segment(in: scratch)
        let reader = try SegmentReader.open(path: scratch.file("00000001.seg"))
        #expect(
            reader.sections.map(\.name) == ["text", "empty", "payload.blocks", "payload.index"])
        #expect(reader.sections.allSatisfy { $0.offset % 4096 == 0 })
        #expect(try reader.descriptor("empty").encoding.rawValue == 77)
        #expect(try unsafe Array(reader.section("text")) == text)
        #expect(try unsafe reader.section("empty").count == 0)
        #expect(reader.verify().isEmpty)
        for section in reader.sections { try reader.verifySection(section.name) }
        #expect(failure { _ = unsafe try reader.section("none") }?.kind == .notFound)
        #expect(try scratch.names() == ["00000001.seg"])
    }

    @Test func largeSectionsAreStreamed() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.file("large.seg")
        let writer = try SegmentWriter(path: path)
        let chunk = (0..<700_001).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try writer.addSection(name: "large", encoding: .raw) { sink in
            for size in [1, 700_001, 5, 600_000, 3] { try sink.append(Array(chunk[..<size])) }
            try sink.append(chunk + chunk)
            try sink.pad(toMultipleOf: 64)
        }
        try writer.finish()
        let reader = try SegmentReader.open(path: path)
        #expect(reader.verify().isEmpty)
        let bytes = try unsafe Array(reader.section("large"))
        let expected = [1, 700_001, 5, 600_000, 3].flatMap { chunk[..<$0] } + chunk + chunk
        #expect(bytes.starts(with: expected) && bytes.count == (expected.count + 63) / 64 * 64)
    }

    /// Every byte that is not padding, and a sample of the padding.
    private func tellingPlaces(_ bytes: [UInt8]) -> [Int] {
        bytes.indices.filter { place in
            place % 101 == 0
                || bytes[max(0, place - 8)..<min(bytes.count, place + 8)].contains { $0 != 0 }
        }
    }

    @Test func aBitFlippedAnywhereIsFound() throws {
        let scratch = try ScratchDirectory()
        let bytes = try segment(in: scratch)
        for byte in tellingPlaces(bytes) {
            try scratch.write(bytes.flipping(bit: byte % 8, of: byte), to: "flipped.seg")
            let faults = StorageCheck.segment(path: scratch.file("flipped.seg"))
            #expect(!faults.isEmpty, "byte \(byte)")
            #expect(faults.allSatisfy { $0.kind == .corrupt || $0.kind == .newerFormat })
        }
    }

    @Test func aSegmentCutAnywhereIsRefused() throws {
        let scratch = try ScratchDirectory()
        let bytes = try segment(in: scratch)
        for length in tellingPlaces(bytes) {
            try scratch.write(bytes[..<length], to: "cut.seg")
            let error = failure { _ = try SegmentReader.open(path: scratch.file("cut.seg")) }
            #expect(error?.kind == .corrupt, "cut at \(length)")
        }
    }

    @Test func aWriterThatIsNotFinishedLeavesNothing() throws {
        let scratch = try ScratchDirectory()
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            let writer = try SegmentWriter(path: scratch.file("x.seg"))
            try writer.addSection(name: "a", encoding: .raw) { _ in throw Stop() }
        }
        #expect(try scratch.names().isEmpty)
        for room in stride(from: 0, to: 9000, by: 777) {
            let files = SimulatedFileSystem(directories: ["/db"]) { $0.capacity = room }
            let error = failure {
                let writer = try SegmentWriter(fileSystem: files, path: "/db/x.seg")
                try writer.addSection(name: "a", encoding: .raw, bytes: text)
                try writer.addSection(
                    name: "b", encoding: .raw, bytes: [UInt8](repeating: 1, count: 5000))
                try writer.finish()
            }
            #expect(error?.kind == .outOfSpace)
            #expect(files.files.isEmpty)
        }
    }

    /// Footers with right checksums that lie about where sections are.
    @Test(arguments: 0..<9) func aLyingFooterIsRefused(_ lie: Int) throws {
        let scratch = try ScratchDirectory()
        let whole = try segment(in: scratch)
        let footerStart = 20_000
        var sections: [(offset: UInt64, count: UInt64, name: String)] = [
            (4096, 41, "text"), (8192, 10, "other"),
        ]
        var count: UInt32 = 2
        switch lie {
        case 0: sections[1].offset = UInt64.max - 4095
        case 1: sections[1].count = UInt64.max
        case 2: sections[1].offset = 4096
        case 3: sections[1].offset = 8193
        case 4: sections[1].count = UInt64(footerStart)
        case 5: sections[1].name = "text"
        case 6: count = UInt32.max
        case 7: sections[0].offset = 0
        default: sections[1].count = UInt64(Int.max) - 8000
        }
        var footer: [UInt8] = []
        footer.append(littleEndian: count)
        for section in sections {
            footer.append(littleEndian: section.offset)
            footer.append(littleEndian: section.count)
            footer.append(littleEndian: UInt32(0))
            footer.append(littleEndian: UInt32(0))
            footer += [UInt8(section.name.utf8.count)] + Array(section.name.utf8)
        }
        var bytes = Array(whole[..<16]) + [UInt8](repeating: 0, count: footerStart - 16) + footer
        var trailer: [UInt8] = []
        trailer.append(littleEndian: UInt64(footerStart))
        trailer.append(littleEndian: UInt32(footer.count))
        trailer.append(littleEndian: slowCRC32C(footer))
        trailer.append(littleEndian: UInt16(1))
        trailer.append(littleEndian: UInt16(0))
        trailer.append(littleEndian: UInt32(0))
        trailer.append(littleEndian: slowCRC32C(trailer))
        bytes += trailer + Array("APSE".utf8)
        try scratch.write(bytes, to: "lie.seg")
        let error = failure { _ = try SegmentReader.open(path: scratch.file("lie.seg")) }
        #expect(error?.kind == .corrupt && error?.message.contains("checksum") == false)
    }
}
