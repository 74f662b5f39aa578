import ApusCore
import ApusStorage
import Testing

/// Files of format version 1, byte by byte; what the engine puts into them is compared by
/// `EngineFormatTests`. A change here is a new format version, not a new expectation: files that
/// were written with the old bytes exist.
@Suite struct FormatTests {
    private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    @Test func theLogKeepsItsBytes() throws {
        let scratch = try ScratchDirectory()
        let (log, _, _) = try openLog(scratch.path)
        for payload in [[1, 2, 3], [UInt8](repeating: 7, count: 64)] {
            try log.waitUntilDurable(try log.append(payload))
        }
        try log.close()
        let bytes = try scratch.read(firstFile)
        var expected = Array("APWL".utf8)
        expected.append(littleEndian: UInt16(1))
        expected.append(littleEndian: UInt16(0))
        expected.append(littleEndian: UInt64(1))
        expected.append(littleEndian: UInt64(0x0123_4567_89ab_cdef))
        expected.append(littleEndian: UInt64(0xfedc_ba98_7654_3210))
        expected.append(littleEndian: UInt32(0))
        let seed = slowCRC32C(expected)
        expected.append(littleEndian: seed)
        // LZ4: one literal, then 63 bytes that repeat it, less the last five, which are literals.
        let compressed = Array(bytes[(40 + 35 + 32)...].dropLast(32))
        #expect(compressed.count < 20)
        for (lsn, synced, stored, raw, type, flags) in [
            (UInt64(1), UInt64(0), [UInt8]([1, 2, 3]), UInt32(3), UInt8(1), UInt8(0)),
            (2, 1, compressed, 64, 1, 1), (2, 2, [], 0, 2, 0),
        ] {
            var record: [UInt8] = []
            record.append(littleEndian: UInt32(stored.count))
            record.append(littleEndian: lsn)
            record.append(littleEndian: synced)
            record.append(littleEndian: raw)
            record += [type, flags, 0, 0]
            record += stored
            expected.append(littleEndian: slowCRC32C(record, seed: seed))
            expected += record
        }
        #expect(bytes == expected)
    }

    @Test func theSegmentKeepsItsBytes() throws {
        let scratch = try ScratchDirectory()
        let writer = try SegmentWriter(path: scratch.file("1.seg"))
        try writer.addSection(name: "a", encoding: SectionEncoding(rawValue: 16), bytes: [9, 8, 7])
        try RowBlockWriter.addSections(to: writer, prefix: "p") { rows in
            try rows.append([1, 2])
            try rows.append([3])
        }
        try writer.finish()
        let bytes = try scratch.read("1.seg")
        var header = Array("APSG".utf8)
        header.append(littleEndian: UInt16(1))
        header += [0, 0, 0, 0, 0, 0]
        header.append(littleEndian: slowCRC32C(header))
        var block: [UInt8] = []
        for field in [UInt32(11), 11, 0, 2, 0, 2, 3] { block.append(littleEndian: field) }
        block += [1, 2, 3]
        var checked: [UInt8] = []
        checked.append(littleEndian: slowCRC32C(block))
        checked += block
        var index: [UInt8] = []
        for field in [UInt64(2), 1, 0] { index.append(littleEndian: field) }
        for field in [UInt32(0), UInt32(checked.count)] { index.append(littleEndian: field) }
        var footer: [UInt8] = []
        footer.append(littleEndian: UInt32(3))
        for (offset, section, encoding, name) in [
            (UInt64(4096), [UInt8]([9, 8, 7]), UInt32(16), "a"), (8192, checked, 1, "p.blocks"),
            (12288, index, 2, "p.index"),
        ] {
            footer.append(littleEndian: offset)
            footer.append(littleEndian: UInt64(section.count))
            footer.append(littleEndian: encoding)
            footer.append(littleEndian: slowCRC32C(section))
            footer += [UInt8(name.utf8.count)] + Array(name.utf8)
        }
        let footerStart = 12288 + index.count
        var trailer: [UInt8] = []
        trailer.append(littleEndian: UInt64(footerStart))
        trailer.append(littleEndian: UInt32(footer.count))
        trailer.append(littleEndian: slowCRC32C(footer))
        trailer += [1, 0, 0, 0, 0, 0, 0, 0]
        trailer.append(littleEndian: slowCRC32C(trailer))
        trailer += Array("APSE".utf8)
        var expected = [UInt8](repeating: 0, count: footerStart)
        for (offset, part) in [(0, header), (4096, [9, 8, 7]), (8192, checked), (12288, index)] {
            expected.replaceSubrange(offset..<(offset + part.count), with: part)
        }
        #expect(bytes == expected + footer + trailer)
    }

    @Test func theManifestKeepsItsBytes() throws {
        let scratch = try ScratchDirectory()
        var manifest = Manifest(logID: testLogID)
        manifest.flushedThrough = SequenceNumber(5)
        manifest.nextSegmentNumber = 3
        manifest.segments = [
            Manifest.Segment(number: 1, rowCount: 10),
            Manifest.Segment(number: 2, rowCount: 4, deletionFileLSN: SequenceNumber(5)),
        ]
        manifest.attributes = ["k": [1, 2]]
        _ = try ManifestStore(directory: scratch.path).commit(manifest)
        #expect(
            hexadecimal(try scratch.read("MANIFEST-00000001"))
                == "41504d460100000059000000d372b238"
                + "0100000000000000efcdab89674523011032547698badcfe05000000000000000300000000000000"
                + "02" + "01000000000000000a0000000000000000"
                + "020000000000000004000000000000000105000000000000000101" + "6b020102")
        #expect(
            String(decoding: try scratch.read("CURRENT"), as: UTF8.self)
                == "MANIFEST-00000001 cf7b1ff3\n")
    }

    @Test func theSmallFilesKeepTheirBytes() throws {
        let scratch = try ScratchDirectory()
        try DatabaseMarker().write(directory: scratch.path)
        #expect(
            String(decoding: try scratch.read("APUS"), as: UTF8.self)
                == "apus database format 1\n2c9bc00a\n")
        var deleted = Bitmap(count: 200)
        deleted[130] = true
        try DeletionFile(sequenceNumber: SequenceNumber(9), deleted: deleted)
            .write(directory: scratch.path, segment: 6)
        #expect(
            hexadecimal(try scratch.read("00000006.del-9"))
                == "4150444c010001000900000000000000c800000000000000010000000000000000000000116ebdd1"
                + "82000000")
    }

    @Test func theArchiveKeepsItsBytes() throws {
        let scratch = try ScratchDirectory()
        let files: [(name: String, bytes: [UInt8])] = [("a", [9, 8, 7]), ("b/empty", [])]
        let stream = ArchiveStream(
            try files.map { file in
                ArchiveStream.Source(
                    name: try #require(RelativePath(file.name)), bytes: file.bytes)
            })
        try PosixFileSystem().write(stream, to: scratch.file("archive"))
        var expected = Array("APAR".utf8)
        expected += [1, 0, 0, 0, 0, 0, 0, 0]
        expected.append(littleEndian: slowCRC32C(expected))
        func append(_ kind: UInt32, _ name: String, _ content: [UInt8]) {
            var entry: [UInt8] = []
            entry.append(littleEndian: kind)
            entry.append(littleEndian: UInt32(name.utf8.count))
            entry.append(littleEndian: UInt64(content.count))
            entry.append(littleEndian: slowCRC32C(content))
            entry += Array(name.utf8)
            expected.append(littleEndian: slowCRC32C(entry))
            expected += entry + content
        }
        var index: [UInt8] = [2]
        for file in files {
            index.append(littleEndian: UInt64(expected.count))
            index.append(littleEndian: UInt64(file.bytes.count))
            index.append(littleEndian: slowCRC32C(file.bytes))
            index += [UInt8(file.name.utf8.count)] + Array(file.name.utf8)
            append(1, file.name, file.bytes)
        }
        var trailer: [UInt8] = []
        trailer.append(littleEndian: UInt64(expected.count))
        append(2, "", index)
        trailer.append(littleEndian: UInt64(expected.count + 24))
        trailer.append(littleEndian: slowCRC32C(trailer))
        #expect(try scratch.read("archive") == expected + trailer + Array("APAE".utf8))
    }
}
