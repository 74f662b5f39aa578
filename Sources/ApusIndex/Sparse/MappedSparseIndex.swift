package import ApusCore

/// The inverted lists of a segment file, searched where they lie.
///
/// It borrows its bytes and must not outlive the memory behind them. Bytes that were damaged after
/// they were opened give wrong answers at worst: every access is inside the section.
@safe
package struct MappedSparseIndex: SparseLists {
    private let bytes: SectionBytes
    private let layout: SparseFormat.Layout
    private let listCount: Int
    package let count: Int
    /// How many entries the lists have together.
    package let postingCount: Int

    /// Opens what `SparseIndex.encode` wrote. Throws when the bytes are no such section; O(lists).
    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedBytes) {
        var reader = unsafe ByteReader(bytes)
        let version: UInt32 = try reader.read()
        guard version <= SparseFormat.version else {
            throw MalformedBytes(
                newer: "the sparse lists", version: UInt64(version),
                known: UInt64(SparseFormat.version), offset: 0)
        }
        guard version == SparseFormat.version else {
            throw MalformedBytes("sparse lists of unknown version \(version)", offset: 0)
        }
        listCount = Int(try reader.read(UInt32.self))
        guard let count = Int(exactly: try reader.read(UInt64.self)),
            let postingCount = Int(exactly: try reader.read(UInt64.self)),
            let layout = SparseFormat.Layout(listCount: listCount, entryCount: postingCount),
            layout.size == bytes.count
        else {
            throw MalformedBytes(
                "sparse lists whose counts do not fit their \(bytes.count) bytes", offset: 4)
        }
        self.count = count
        self.postingCount = postingCount
        self.layout = layout
        self.bytes = unsafe SectionBytes(bytes)
        try checkLists()
    }

    private func checkLists() throws(MalformedBytes) {
        guard offset(0) == 0, offset(listCount) == UInt64(postingCount) else {
            throw MalformedBytes("sparse lists with a gap", offset: layout.offsets)
        }
        for list in 0..<listCount {
            guard offset(list) <= offset(list + 1), list == 0 || index(list - 1) < index(list)
            else {
                throw MalformedBytes(
                    "sparse list \(list) out of order", offset: layout.offsets + list * 8)
            }
        }
    }

    package func documentFrequency(of index: UInt32) -> Int { entries(of: index).count }

    package func search(
        query: SparseVector, k: Int, watch: SearchWatch?, admits: (UInt32) -> Bool
    ) -> [SparseMatch] {
        let query = query.sorted()
        let cursors = zip(query.indices, query.values).map { index, weight in
            MappedPostingCursor(
                bytes: bytes, layout: layout, entries: entries(of: index), queryWeight: weight)
        }
        return SparseSearch.run(cursors: cursors, k: k, watch: watch, admits: admits)
    }

    /// The positions of an index's list among the entries; empty when there is none. O(log L).
    private func entries(of wanted: UInt32) -> Range<Int> {
        var low = 0
        var high = listCount
        while low < high {
            let middle = (low + high) / 2
            if index(middle) < wanted { low = middle + 1 } else { high = middle }
        }
        guard low < listCount, index(low) == wanted else { return 0..<0 }
        // Checked again, because the bytes may have changed since they were opened.
        let start = Int(clamping: offset(low))
        let end = min(Int(clamping: offset(low + 1)), postingCount)
        return start < end ? start..<end : 0..<0
    }

    private func index(_ list: Int) -> UInt32 {
        bytes.load(UInt32.self, at: SparseFormat.headerSize + list * 4)
    }

    private func offset(_ list: Int) -> UInt64 {
        bytes.load(UInt64.self, at: layout.offsets + list * 8)
    }
}

/// Walks a list of a segment file.
private struct MappedPostingCursor: PostingCursor {
    let queryWeight: Float
    private let bytes: SectionBytes
    private let layout: SparseFormat.Layout
    private var entries: Range<Int>

    init(
        bytes: SectionBytes, layout: SparseFormat.Layout, entries: Range<Int>, queryWeight: Float
    ) {
        self.bytes = bytes
        self.layout = layout
        self.entries = entries
        self.queryWeight = queryWeight
    }

    var nextOrdinal: UInt32? { entries.first.map(ordinal) }

    mutating func advance(below end: UInt64, _ body: (UInt32, Float) -> Void) {
        var position = entries.lowerBound
        while position < entries.upperBound {
            let ordinal = ordinal(position)
            guard ordinal < end else { break }
            let weight = bytes.load(UInt32.self, at: layout.weights + position * 4)
            body(ordinal, Float(bitPattern: weight))
            position += 1
        }
        entries = position..<entries.upperBound
    }

    private func ordinal(_ position: Int) -> UInt32 {
        bytes.load(UInt32.self, at: layout.ordinals + position * 4)
    }
}
