import ApusCore
import Synchronization

/// Reads rows that `RowBlockWriter` wrote. Each block is checked against its checksum when it is
/// read. May be used from any number of threads.
package final class RowBlockReader: Sendable {
    /// Blocks that are kept decoded, so that reading neighbouring rows decodes each block once.
    private static let cachedBlockCount = 8

    package let rowCount: Int
    let segment: SegmentReader
    let section: SectionDescriptor
    let entries: [RowBlockEntry]
    private let cache = Mutex<[Int: DecodedRowBlock]>([:])

    /// Reads and checks the index (16 bytes a block). Throws `.notFound` when the segment has no
    /// such sections, and `.corrupt`.
    package init(_ segment: SegmentReader, prefix: String) throws(StorageError) {
        self.segment = segment
        section = try segment.descriptor(RowBlockFormat.blocksSection(prefix))
        let indexName = RowBlockFormat.indexSection(prefix)
        let index = try segment.descriptor(indexName)
        guard section.encoding == .rowBlocks, index.encoding == .rowIndex else {
            throw .corrupt(
                segment.path, at: section.offset, "the sections of \"\(prefix)\" are no rows")
        }
        try segment.verifySection(indexName)
        (rowCount, entries) = unsafe try Self.decodeIndex(
            try segment.section(indexName), path: segment.path, base: index.offset,
            blocksByteCount: section.byteCount)
    }

    /// The bytes of a row. Decodes its block, which is kept for the next call.
    package func row(_ ordinal: Int) throws(StorageError) -> [UInt8] {
        let index = try blockIndex(of: ordinal)
        if let block = cache.withLock({ $0[index] }) { return Array(block.row(ordinal)) }
        let block = try decode(index)
        cache.withLock { cache in
            // The lowest block: readers of neighbouring rows move upwards.
            if cache.count >= Self.cachedBlockCount, let lowest = cache.keys.min() {
                cache[lowest] = nil
            }
            cache[index] = block
        }
        return Array(block.row(ordinal))
    }

    /// Calls `body` with each row of `range`, ascending, decoding each block once. Throws `.corrupt`
    /// and what `body` throws.
    package func forEachRow(
        in range: Range<Int>, _ body: (Int, ArraySlice<UInt8>) throws -> Void
    ) throws {
        guard !range.isEmpty else { return }
        var index = try blockIndex(of: range.lowerBound)
        _ = try blockIndex(of: range.upperBound - 1)
        while index < entries.count, entries[index].rows.lowerBound < range.upperBound {
            let block = try decode(index)
            for ordinal in block.rows.clamped(to: range) { try body(ordinal, block.row(ordinal)) }
            index += 1
        }
    }

    init(
        _ segment: SegmentReader, section: SectionDescriptor, rowCount: Int,
        entries: [RowBlockEntry]
    ) {
        self.segment = segment
        self.section = section
        self.rowCount = rowCount
        self.entries = entries
    }

    func decode(_ index: Int) throws(StorageError) -> DecodedRowBlock {
        unsafe try RowBlock.decode(
            try segment.section(section.name), entries[index], path: segment.path,
            base: section.offset)
    }

    /// The block that holds a row. O(log blocks).
    private func blockIndex(of ordinal: Int) throws(StorageError) -> Int {
        guard ordinal >= 0, ordinal < rowCount else {
            throw StorageError(
                .notFound, path: segment.path,
                "row \(ordinal) of section \"\(section.name)\", which has \(rowCount)")
        }
        var low = 0
        var high = entries.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if entries[middle].rows.lowerBound <= ordinal {
                low = middle
            } else {
                high = middle - 1
            }
        }
        return low
    }

    /// Checks that the blocks follow each other without a gap, from the section's start to its end
    /// and from row 0 to the last.
    private static func decodeIndex(
        _ bytes: UnsafeRawBufferPointer, path: String, base: Int, blocksByteCount: Int
    ) throws(StorageError) -> (rowCount: Int, entries: [RowBlockEntry]) {
        unsafe try decoding(bytes, path: path, base: base, "the index of rows") {
            (reader) throws(MalformedBytes) in
            let rowCount = try reader.read(UInt64.self)
            let blockCount = try reader.read(UInt64.self)
            let entryByteCount = RowBlockFormat.indexEntryByteCount
            guard rowCount <= UInt64(UInt32.max), blockCount <= rowCount,
                blockCount == UInt64(reader.remaining / entryByteCount),
                reader.remaining % entryByteCount == 0, (blockCount == 0) == (rowCount == 0)
            else { throw MalformedBytes("\(blockCount) blocks of \(rowCount) rows", offset: 0) }
            var entries: [RowBlockEntry] = []
            entries.reserveCapacity(Int(blockCount))
            var end = 0
            for _ in 0..<blockCount {
                let place = reader.offset
                let offset = try reader.read(UInt64.self)
                let firstRow = Int(try reader.read(UInt32.self))
                let byteCount = Int(try reader.read(UInt32.self))
                let lowest = entries.last.map { $0.rows.lowerBound + 1 } ?? 0
                guard offset == UInt64(end), byteCount <= blocksByteCount - end,
                    firstRow >= lowest, firstRow < Int(rowCount),
                    !entries.isEmpty || firstRow == 0
                else { throw MalformedBytes("a block in an impossible place", offset: place) }
                if let last = entries.indices.last {
                    entries[last].rows = entries[last].rows.lowerBound..<firstRow
                }
                // The next block, or the end, says where the rows end.
                entries.append(
                    RowBlockEntry(
                        offset: end, byteCount: byteCount, rows: firstRow..<Int(rowCount)))
                end += byteCount
            }
            guard end == blocksByteCount else {
                throw MalformedBytes(
                    "blocks of \(end) bytes in a section of \(blocksByteCount)", offset: 0)
            }
            return (Int(rowCount), entries)
        }
    }
}
