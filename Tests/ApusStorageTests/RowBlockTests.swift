import ApusCore
import ApusStorage
import Testing

@Suite struct RowBlockTests {
    private func row(_ number: Int) -> [UInt8] {
        Array(
            "{\"number\": \(number), \"text\": \"\(String(repeating: "x", count: number % 300))\"}"
                .utf8)
    }

    @Test(arguments: [1, 1000, RowBlockWriter.defaultBlockByteCount])
    func rowsComeBack(_ blockByteCount: Int) throws {
        let scratch = try ScratchDirectory()
        let path = scratch.file("1.seg")
        let count = 3000
        let writer = try SegmentWriter(fileSystem: PosixFileSystem(), path: path)
        try RowBlockWriter.addSections(
            to: writer, prefix: "payload", blockByteCount: blockByteCount
        ) { rows in
            for number in 0..<count {
                #expect(rows.rowCount == number)
                try rows.append(number == 7 ? [] : row(number))
            }
        }
        try writer.finish()
        let rows = try RowBlockReader(try SegmentReader.open(path: path), prefix: "payload")
        #expect(rows.rowCount == count)
        for number in [0, 7, 8, 1, 2999, 1500, 1501, 7] {
            #expect(try rows.row(number) == (number == 7 ? [] : row(number)))
        }
        for range in [0..<count, 5..<9, 2999..<3000, 40..<40, 100..<2000] {
            var expected = range.lowerBound
            try rows.forEachRow(in: range) { ordinal, bytes in
                #expect(ordinal == expected)
                #expect(Array(bytes) == (ordinal == 7 ? [] : row(ordinal)))
                expected += 1
            }
            #expect(expected == range.upperBound)
        }
        for ordinal in [-1, count, .max, .min] {
            #expect(failure { _ = try rows.row(ordinal) }?.kind == .notFound)
        }
        #expect(failure { try rows.forEachRow(in: 0..<(count + 1)) { _, _ in } }?.kind == .notFound)
    }

    @Test func noRowsAreFine() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.file("1.seg")
        let writer = try SegmentWriter(path: path)
        try RowBlockWriter.addSections(to: writer, prefix: "none") { _ in }
        try writer.finish()
        let rows = try RowBlockReader(try SegmentReader.open(path: path), prefix: "none")
        #expect(rows.rowCount == 0)
        try rows.forEachRow(in: 0..<0) { _, _ in }
        #expect(failure { _ = try rows.row(0) }?.kind == .notFound)
        #expect(StorageCheck.segment(path: path).isEmpty)
    }

    @Test func aRowLargerThanABlockHasItsOwn() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.file("1.seg")
        let large = (0..<300_000).map { UInt8(truncatingIfNeeded: ($0 &* $0) >> 3) }
        let writer = try SegmentWriter(path: path)
        try RowBlockWriter.addSections(to: writer, prefix: "p", blockByteCount: 4096) { rows in
            for bytes in [[1], large, [2], large, large] { try rows.append(bytes) }
        }
        try writer.finish()
        let rows = try RowBlockReader(try SegmentReader.open(path: path), prefix: "p")
        #expect(try (0..<5).map { try rows.row($0) } == [[1], large, [2], large, large])
    }

    /// Blocks and indexes with right checksums that lie: sizes that compressed bytes cannot have,
    /// rows outside of their block, blocks outside of their section.
    @Test(arguments: 0..<12) func aLyingBlockIsAnError(_ lie: Int) throws {
        let scratch = try ScratchDirectory()
        let path = scratch.file("lie.seg")
        var raw: [UInt8] = []
        // Two rows of three bytes.
        raw.append(littleEndian: lie == 0 ? UInt32(7) : 3)
        raw.append(littleEndian: lie == 1 ? UInt32.max : lie == 2 ? 5 : lie == 3 ? 2 : 6)
        raw += [1, 2, 3, 4, 5, 6]
        var fields: [UInt8] = []
        fields.append(littleEndian: lie == 4 ? UInt32.max : UInt32(raw.count))
        fields.append(littleEndian: lie == 5 ? UInt32.max : lie == 6 ? 0 : UInt32(raw.count))
        fields.append(littleEndian: lie == 7 ? UInt32(1) : 0)
        fields.append(littleEndian: lie == 8 ? UInt32.max : 2)
        fields.append(littleEndian: lie == 5 ? UInt32(1) : lie == 9 ? 2 : 0)
        var block: [UInt8] = []
        block.append(littleEndian: slowCRC32C(fields + raw))
        block += fields + raw
        var index: [UInt8] = []
        index.append(littleEndian: lie == 10 ? UInt64.max : 2)
        index.append(littleEndian: UInt64(1))
        index.append(littleEndian: lie == 11 ? UInt64.max : 0)
        index.append(littleEndian: UInt32(0))
        index.append(littleEndian: UInt32(block.count))
        let writer = try SegmentWriter(path: path)
        try writer.addSection(name: "p.blocks", encoding: .rowBlocks, bytes: block)
        try writer.addSection(name: "p.index", encoding: .rowIndex, bytes: index)
        try writer.finish()
        let reader = try SegmentReader.open(path: path)
        let error = failure {
            let rows = try RowBlockReader(reader, prefix: "p")
            _ = try rows.row(1)
        }
        #expect(error?.kind == .corrupt && error?.message.contains("checksum") == false)
        #expect(!StorageCheck.segment(path: path).isEmpty)
    }
}
