import ApusCore

extension RowBlockReader {
    /// Calls `body` with each row that can be read, ascending; returns the errors of the blocks
    /// that cannot. Throws what `body` throws.
    package func forEachReadableRow(
        _ body: (Int, ArraySlice<UInt8>) throws -> Void
    ) throws -> [StorageError] {
        var faults: [StorageError] = []
        for index in entries.indices {
            let block: DecodedRowBlock
            do throws(StorageError) {
                block = try decode(index)
            } catch {
                faults.append(error)
                continue
            }
            for row in block.rows { try body(row, block.row(row)) }
        }
        return faults
    }

    /// Rows whose index is damaged: it is made again from the blocks, as far as they follow each
    /// other. Throws `.notFound` when there are no blocks.
    package static func withoutIndex(
        _ segment: SegmentReader, prefix: String
    ) throws(StorageError) -> RowBlockReader {
        let section = try segment.descriptor(RowBlockFormat.blocksSection(prefix))
        let bytes = unsafe try segment.section(section.name)
        var entries: [RowBlockEntry] = []
        var offset = 0
        var row = 0
        while offset + RowBlockFormat.blockHeaderByteCount <= section.byteCount {
            var reader = unsafe ByteReader(bytes.part((offset + 4)..<bytes.count))
            guard let stored = try? reader.read(UInt32.self),
                (try? reader.read(UInt32.self)) != nil,
                let first = try? reader.read(UInt32.self),
                let count = try? reader.read(UInt32.self),
                Int(first) == row, count > 0, row + Int(count) <= Int(UInt32.max),
                RowBlockFormat.blockHeaderByteCount + Int(stored) <= section.byteCount - offset
            else { break }
            let byteCount = RowBlockFormat.blockHeaderByteCount + Int(stored)
            entries.append(
                RowBlockEntry(
                    offset: offset, byteCount: byteCount, rows: row..<(row + Int(count))))
            offset += byteCount
            row += Int(count)
        }
        return RowBlockReader(segment, section: section, rowCount: row, entries: entries)
    }
}
