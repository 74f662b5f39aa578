package import ApusCore

/// The inverted lists of a segment file, searched where they lie.
///
/// `owner` keeps the memory of its bytes; without one it must not outlive that. Bytes that were damaged after
/// they were opened give wrong answers at worst: every access is inside the section.
@safe
package struct MappedSparseIndex: SparseLists {
    private let bytes: SectionBytes
    private let owner: (any AnyObject & Sendable)?
    private let layout: SparseFormat.Layout
    private let listCount: Int
    /// For each list where its bounds begin among all, and behind the last where they end; nil: the
    /// section has none.
    private var boundStarts: [Int]?
    package let count: Int
    /// How many entries the lists have together.
    package let postingCount: Int

    package var memoryByteCount: Int { (boundStarts?.capacity ?? 0) * MemoryLayout<Int>.stride }

    /// Opens what `SparseIndex.encode` wrote, in this version or an earlier one. Throws when the
    /// bytes are no such section; O(lists).
    package init(
        _ bytes: UnsafeRawBufferPointer, owner: (any AnyObject & Sendable)? = nil
    ) throws(MalformedBytes) {
        var reader = unsafe ByteReader(bytes)
        let version: UInt32 = try reader.read()
        guard version <= SparseFormat.version else {
            throw MalformedBytes(
                newer: "the sparse lists", version: UInt64(version),
                known: UInt64(SparseFormat.version), offset: 0)
        }
        guard version >= 1 else {
            throw MalformedBytes("sparse lists of unknown version \(version)", offset: 0)
        }
        listCount = Int(try reader.read(UInt32.self))
        guard let count = Int(exactly: try reader.read(UInt64.self)),
            let postingCount = Int(exactly: try reader.read(UInt64.self)),
            let layout = SparseFormat.Layout(listCount: listCount, entryCount: postingCount),
            version == 1 ? layout.bounds == bytes.count : layout.bounds <= bytes.count
        else {
            throw MalformedBytes(
                "sparse lists whose counts do not fit their \(bytes.count) bytes", offset: 4)
        }
        self.count = count
        self.postingCount = postingCount
        self.layout = layout
        self.bytes = unsafe SectionBytes(bytes)
        self.owner = owner
        try checkLists()
        if version > 1 { boundStarts = try findBounds() }
    }

    /// REQUIRES: the lists were checked.
    private func findBounds() throws(MalformedBytes) -> [Int] {
        var starts = [0]
        starts.reserveCapacity(listCount + 1)
        var start = 0
        for list in 0..<listCount {
            start += SparseFormat.blockCount(ofList: entries(of: list).count)
            starts.append(start)
        }
        guard bytes.count - layout.bounds == start * 8 else {
            throw MalformedBytes("sparse lists without all of their bounds", offset: layout.bounds)
        }
        return starts
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

    package func documentFrequency(of index: UInt32) -> Int {
        position(of: index).map { entries(of: $0).count } ?? 0
    }

    package func search(
        query: SparseVector, k: Int, filter: Bitmap?, plan: SparsePlan, watch: SearchWatch?,
        admits: (UInt32) -> Bool
    ) -> [SparseMatch] {
        let query = query.sorted()
        let lists = zip(query.indices, query.values).compactMap { index, weight in
            position(of: index).map { list in
                QueryList(weight: weight, runs: runs(of: list), count: entries(of: list).count)
            }
        }
        return SparseSearch.run(
            lists: lists, k: k, filter: filter, plan: boundStarts == nil ? .exhaustive : plan,
            watch: watch, admits: admits)
    }

    /// An index's list; nil when there is none. O(log L).
    private func position(of wanted: UInt32) -> Int? {
        var low = 0
        var high = listCount
        while low < high {
            let middle = (low + high) / 2
            if index(middle) < wanted { low = middle + 1 } else { high = middle }
        }
        return low < listCount && index(low) == wanted ? low : nil
    }

    /// The positions of a list among the entries. Checked again, because the bytes may have changed
    /// since they were opened.
    private func entries(of list: Int) -> Range<Int> {
        let start = Int(clamping: offset(list))
        let end = min(Int(clamping: offset(list + 1)), postingCount)
        return start < end ? start..<end : 0..<0
    }

    private func runs(of list: Int) -> [PostingRun] {
        let entries = entries(of: list)
        let size = PostingBlock.size
        return (0..<SparseFormat.blockCount(ofList: entries.count)).map { block in
            let start = entries.lowerBound + block * size
            let count = min(size, entries.upperBound - start)
            let ordinals = layout.ordinals + start * 4
            let weights = layout.weights + start * 4
            return unsafe PostingRun(
                ordinals: bytes.pointer(to: ordinals..<ordinals + count * 4),
                weights: bytes.pointer(to: weights..<weights + count * 4), count: count,
                last: bytes.load(UInt32.self, at: ordinals + (count - 1) * 4),
                bounds: bounds(ofBlock: block, inList: list))
        }
    }

    private func bounds(ofBlock block: Int, inList list: Int) -> WeightBounds {
        guard let boundStarts, boundStarts[list] + block < boundStarts[list + 1] else {
            return WeightBounds(greatest: .infinity, least: -.infinity)
        }
        let place = layout.bounds + (boundStarts[list] + block) * 8
        return WeightBounds(
            greatest: Float(bitPattern: bytes.load(UInt32.self, at: place)),
            least: Float(bitPattern: bytes.load(UInt32.self, at: place + 4)))
    }

    private func index(_ list: Int) -> UInt32 {
        bytes.load(UInt32.self, at: SparseFormat.headerSize + list * 4)
    }

    private func offset(_ list: Int) -> UInt64 {
        bytes.load(UInt64.self, at: layout.offsets + list * 8)
    }
}
