/// Writes a column of a row group: plain values in pages of version 1, compressed with Zstandard
/// and with a checksum each.
struct ParquetColumnWriter: Sendable {
    let path: [String]
    let physical: ParquetPhysical
    let definitionMax: UInt8
    let repetitionMax: UInt8
    /// Whole pages.
    private(set) var pages: [UInt8] = []
    private(set) var valueCount = 0
    /// Of the pages, if nothing were compressed.
    private(set) var expandedByteCount = 0
    private var page = Page()

    private static let pageBytesMax = 1 << 20

    private struct Page {
        var repetitions = Runs()
        var definitions = Runs()
        var values: [UInt8] = []
        var count = 0
    }

    init(
        _ path: [String], _ physical: ParquetPhysical, definitionMax: UInt8 = 0,
        repetitionMax: UInt8 = 0
    ) {
        self.path = path
        self.physical = physical
        self.definitionMax = definitionMax
        self.repetitionMax = repetitionMax
    }

    /// Bytes that it holds.
    var byteCount: Int { pages.count + page.values.count }

    mutating func append(_ text: some Collection<UInt8>) {
        level(repetition: 0, definition: definitionMax)
        ParquetBits.append(UInt32(truncatingIfNeeded: text.count), to: &page.values)
        page.values += text
    }

    mutating func append(_ bits: UInt32, repetition: UInt8) {
        level(repetition: repetition, definition: definitionMax)
        ParquetBits.append(bits, to: &page.values)
    }

    mutating func append(_ bits: UInt64) {
        append(UInt32(truncatingIfNeeded: bits), repetition: 0)
        ParquetBits.append(UInt32(truncatingIfNeeded: bits >> 32), to: &page.values)
    }

    /// An entry without a value: something above it is missing, or empty.
    mutating func appendNothing(definition: UInt8, repetition: UInt8 = 0) {
        level(repetition: repetition, definition: definition)
    }

    private mutating func level(repetition: UInt8, definition: UInt8) {
        if repetitionMax > 0 { page.repetitions.append(repetition) }
        if definitionMax > 0 { page.definitions.append(definition) }
        page.count += 1
    }

    /// Ends the page at the end of a row, where it is long enough.
    mutating func endRow() {
        if page.values.count >= Self.pageBytesMax { endPage() }
    }

    /// Ends the column. Returns its bytes, and what its description needs; begins anew.
    mutating func take() -> ParquetWrittenColumn {
        endPage()
        defer { (pages, valueCount, expandedByteCount) = ([], 0, 0) }
        return ParquetWrittenColumn(
            path: path, physical: physical, bytes: pages, valueCount: valueCount,
            expandedByteCount: expandedByteCount)
    }

    private mutating func endPage() {
        guard page.count > 0 else { return }
        var content: [UInt8] = []
        if repetitionMax > 0 { content += page.repetitions.taken() }
        if definitionMax > 0 { content += page.definitions.taken() }
        content += page.values
        // Zstandard takes everything; if it ever does not, the row group would lie about its codec.
        let stored = ParquetCodec.compressedByZstd(content)
        precondition(stored != nil)
        let bytes = stored ?? []
        var header = ThriftWriter()
        header.number(1, 0)
        header.number(2, content.count)
        header.number(3, bytes.count)
        header.number(4, Int(Int32(bitPattern: ParquetCodec.checksum(bytes[...]))))
        header.structure(5) { [count = page.count] data in
            data.number(1, count)
            data.number(2, ParquetEncoding.plain.rawValue)
            data.number(3, ParquetEncoding.runs.rawValue)
            data.number(4, ParquetEncoding.runs.rawValue)
        }
        header.end()
        pages += header.bytes + bytes
        valueCount += page.count
        expandedByteCount += header.bytes.count + content.count
        page = Page()
    }

    /// Levels as runs of one value.
    private struct Runs {
        private var bytes: [UInt8] = []
        private var value: UInt8 = 0
        private var count = 0

        mutating func append(_ next: UInt8) {
            if next != value { end() }
            value = next
            count += 1
        }

        private mutating func end() {
            guard count > 0 else { return }
            ParquetBits.append(UInt64(count) << 1, to: &bytes)
            bytes.append(value)
            count = 0
        }

        /// After their length.
        mutating func taken() -> [UInt8] {
            end()
            var all: [UInt8] = []
            ParquetBits.append(UInt32(truncatingIfNeeded: bytes.count), to: &all)
            return all + bytes
        }
    }
}

/// A column of a row group as it is written.
struct ParquetWrittenColumn: Sendable {
    var path: [String]
    var physical: ParquetPhysical
    var bytes: [UInt8]
    var valueCount: Int
    var expandedByteCount: Int
    /// In the file.
    var offset = 0
    var size = 0
}
