import ApusCore
import ApusKernels

/// Rows of any length in compressed, checksummed blocks: the constants and the fixed parts;
/// `docs/format.md` has the bytes as tables.
enum RowBlockFormat {
    static let blockHeaderByteCount = 24
    static let indexHeaderByteCount = 16
    static let indexEntryByteCount = 16
    /// Persisted.
    static let compressedFlag: UInt32 = 1

    static func blocksSection(_ prefix: String) -> String { prefix + ".blocks" }
    static func prefix(ofBlocksSection name: String) -> String? {
        name.hasSuffix(".blocks") ? String(name.dropLast(".blocks".count)) : nil
    }

    static func indexSection(_ prefix: String) -> String { prefix + ".index" }
}

/// Where a block lies in its section.
struct RowBlockEntry: Hashable {
    var offset: Int
    var byteCount: Int
    /// Ordinals of the rows in it.
    var rows: Range<Int>
}

/// A block as it lies in the file.
enum RowBlock {
    /// The block of rows `first` and on, whose bytes end at `ends` within `bytes`.
    static func encoded(first: Int, ends: [UInt32], bytes: [UInt8]) -> [UInt8] {
        var raw = ByteWriter(reservingCapacity: ends.count * 4 + bytes.count)
        raw.write(ends)
        raw.write(bytes: bytes)
        let compressed = unsafe raw.bytes.span.withUnsafeBytes {
            unsafe BlockCompression.compressed($0)
        }
        let stored = compressed ?? raw.bytes
        var fields = ByteWriter(reservingCapacity: RowBlockFormat.blockHeaderByteCount)
        fields.write(UInt32(stored.count))
        fields.write(UInt32(raw.count))
        fields.write(UInt32(first))
        fields.write(UInt32(ends.count))
        fields.write(compressed == nil ? UInt32(0) : RowBlockFormat.compressedFlag)
        var block = ByteWriter(
            reservingCapacity: RowBlockFormat.blockHeaderByteCount + stored.count)
        block.write(checksum(stored, seed: checksum(fields.bytes)))
        block.write(bytes: fields.bytes)
        block.write(bytes: stored)
        return block.bytes
    }

    /// The rows of the block that `entry` describes, checked against its checksum. `base` is the
    /// section's place in the file, for messages.
    static func decode(
        _ section: UnsafeRawBufferPointer, _ entry: RowBlockEntry, path: String, base: Int
    ) throws(StorageError) -> DecodedRowBlock {
        let place = base + entry.offset
        let block = unsafe section.part(entry.offset..<(entry.offset + entry.byteCount))
        let (sum, storedCount, rawCount, first, rowCount, flags) = unsafe try decoding(
            block, path: path, base: place, "a block of rows"
        ) { (reader) throws(MalformedBytes) in
            (
                try reader.read(UInt32.self), try reader.read(UInt32.self),
                try reader.read(UInt32.self), try reader.read(UInt32.self),
                try reader.read(UInt32.self), try reader.read(UInt32.self)
            )
        }
        let found = unsafe CRC32C.checksum(block.part(4..<block.count))
        guard found == sum else {
            throw .checksum(
                path, at: place, of: "the block of rows \(entry.rows)", expected: sum, found: found)
        }
        let header = RowBlockFormat.blockHeaderByteCount
        guard Int(storedCount) == block.count - header, Int(first) == entry.rows.lowerBound,
            Int(rowCount) == entry.rows.count, Int(rawCount) / 4 >= entry.rows.count,
            flags & ~RowBlockFormat.compressedFlag == 0
        else {
            throw .corrupt(
                path, at: place, "expected the block of rows \(entry.rows), found another")
        }
        let stored = unsafe block.part(header..<block.count)
        let raw: [UInt8]?
        if flags & RowBlockFormat.compressedFlag == 0 {
            raw = unsafe rawCount == storedCount ? Array(stored) : nil
        } else {
            raw = unsafe BlockCompression.decompressed(stored, rawCount: Int(rawCount))
        }
        guard let raw else {
            throw .corrupt(
                path, at: place,
                "the block of rows \(entry.rows) does not decompress to "
                    + "\(rawCount) bytes")
        }
        return try DecodedRowBlock(raw, rows: entry.rows, path: path, place: place)
    }
}

/// The rows of one block, in memory.
struct DecodedRowBlock {
    let rows: Range<Int>
    private let bytes: [UInt8]
    /// Where each row ends in `bytes`; they ascend and stay inside it.
    private let ends: [Int]

    init(
        _ raw: [UInt8], rows: Range<Int>, path: String, place: Int
    ) throws(StorageError) {
        let start = rows.count * 4
        let offsets = unsafe try raw.span.withUnsafeBytes { (buffer) throws(StorageError) in
            unsafe try decoding(buffer, path: path, base: place, "a block of rows") {
                (reader) throws(MalformedBytes) in try reader.readUInt32s(count: rows.count)
            }
        }
        var ends: [Int] = []
        ends.reserveCapacity(offsets.count)
        var previous = start
        for offset in offsets {
            let end = start + Int(offset)
            guard end >= previous, end <= raw.count else {
                throw .corrupt(path, at: place, "a row of the block \(rows) leaves the block")
            }
            ends.append(end)
            previous = end
        }
        guard previous == raw.count else {
            throw .corrupt(path, at: place, "bytes after the last row of the block \(rows)")
        }
        self.rows = rows
        self.ends = ends
        bytes = raw
    }

    /// The bytes of a row in `rows`.
    func row(_ ordinal: Int) -> ArraySlice<UInt8> {
        let index = ordinal - rows.lowerBound
        let start = index == 0 ? rows.count * 4 : ends[index - 1]
        return bytes[start..<ends[index]]
    }
}
