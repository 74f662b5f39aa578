package import ApusKernels
internal import Synchronization

/// A navigable small-world graph over the vectors of one segment: Malkov & Yashunin, "Efficient
/// and robust approximate nearest neighbor search using Hierarchical Navigable Small World
/// graphs" (2018).
///
/// A node is a point's ordinal; its vector is the row of that number in `vectors`, which the index
/// borrows. Distances are those of `DistanceKernel`: smaller is better.
///
/// Departures from the paper:
/// - Nodes are inserted in batches whose boundaries follow from ordinals alone, each batch against
///   the graph as it stood before it (`HNSWIndex+Insert.swift`). So the graph depends on the data
///   only: the same bytes come out with any number of threads.
/// - A node's level comes from a hash of its ordinal.
///
/// Threads: one thread inserts at a time (it brings a pool for the work); any number search
/// meanwhile. A search sees the nodes that were inserted when it started, and perhaps some more;
/// `Admission.visibleCount` hides those.
@safe
package final class HNSWIndex: @unchecked Sendable {
    // Sendable: `graph` and `vectors` say how their memory is shared; the rest is constant, atomic
    // or behind a lock.
    package let parameters: HNSWParameters
    package var vectors: VectorSpace { rows.vectors }
    /// The codes that walks measure with; nil: they measure with the vectors.
    package var codes: RowCodes? { rows.codes }
    /// Ordinals that there is room for.
    package var capacity: Int { graph.capacity }

    let graph: HNSWGraph
    let rows: IndexRows
    let scratch: ScratchPool
    /// What keeps the memory of `vectors` and of mapped links.
    private let owner: (any AnyObject & Sendable)?
    private let published = Atomic<Int>(0)
    private let entryWord: Atomic<UInt64>
    private let curve = Mutex<RecallCurve?>(nil)

    /// An empty index over the first `capacity` rows of `vectors`.
    ///
    /// With `codes`, rows of codes of the same vectors, insertion and walks measure with those, and
    /// only answers with the vectors. Memory is reserved for all rows and used as they come.
    /// `owner` is kept alive as long as the index: what owns the rows.
    package convenience init(
        parameters: HNSWParameters, vectors: VectorSpace, codes: CodeSpace? = nil, capacity: Int,
        owner: (any AnyObject & Sendable)? = nil
    ) throws(KernelError) {
        let graph = try HNSWGraph(m: parameters.m, capacity: capacity)
        self.init(
            parameters: parameters, vectors: vectors, codes: codes.map(RowCodes.bytes),
            graph: graph, indexedCount: 0, entry: nil, owner: owner)
    }

    /// An index of the same nodes and links that is searched by other codes of the same vectors. No
    /// recall was measured of it. It shares the links: nobody may insert into either from now on.
    /// `owner` is kept alive as long as the index: what owns the codes.
    package func searched(
        by codes: RowCodes, owner: any AnyObject & Sendable
    ) -> HNSWIndex {
        HNSWIndex(
            parameters: parameters, vectors: vectors, codes: codes, graph: graph,
            indexedCount: indexedCount, entry: entry, owner: Owners(self, owner))
    }

    init(
        parameters: HNSWParameters, vectors: VectorSpace, codes: RowCodes?, graph: HNSWGraph,
        indexedCount: Int, entry: EntryPoint?, owner: (any AnyObject & Sendable)?
    ) {
        precondition(
            vectors.dimension == parameters.dimension,
            "vectors of \(vectors.dimension) floats for an index of \(parameters.dimension)")
        precondition(
            codes?.dimension ?? vectors.dimension == vectors.dimension,
            "codes of another dimension than the vectors")
        self.parameters = parameters
        self.graph = graph
        self.owner = owner
        rows = IndexRows(vectors: vectors, codes: codes, metric: parameters.metric)
        scratch = ScratchPool(
            capacity: graph.capacity,
            blockCapacity: max(graph.capacity0, Self.batchSize, ExactScan.blockSize),
            dimension: vectors.dimension)
        entryWord = Atomic(EntryPoint.word(entry))
        published.store(indexedCount, ordering: .releasing)
    }

    /// Ordinals below this were inserted (or passed over, having no vector); those from here on
    /// are for an exact scan. Never decreases.
    package var indexedCount: Int { published.load(ordering: .acquiring) }

    /// What recall to expect of searches; nil until it was measured (`measureRecall`), or read from
    /// a file in which it was.
    package var recallCurve: RecallCurve? {
        get { curve.withLock { $0 } }
        set { curve.withLock { $0 = newValue } }
    }

    /// Where searches start; nil while the graph has no node.
    var entry: EntryPoint? { EntryPoint(word: entryWord.load(ordering: .acquiring)) }

    /// Makes a batch visible: first the links are there, then the entry point, then the count.
    func publish(indexedCount: Int, entry: EntryPoint?) {
        entryWord.store(EntryPoint.word(entry), ordering: .releasing)
        published.store(indexedCount, ordering: .releasing)
    }

    /// Bytes of links and levels of the nodes so far.
    package var linkByteCount: Int {
        let count = indexedCount
        return count * (graph.stride0 * 4 + 5) + upperBlockCount(below: count)
            * graph.upperStride * 4
    }

    /// About what `linkByteCount` comes to for each row, rather more than less: one node in m has a
    /// block above level 0, one in m² a second.
    package static func linkBytesPerRow(m: Int) -> Int {
        let m = max(2, m)
        let size = MemoryLayout<UInt32>.size
        return HNSWGraph.stride(capacity: 2 * m) * size + 5
            + HNSWGraph.stride(capacity: m) * size * 5 / 4 / (m - 1) + 1
    }

    /// Blocks above level 0 that the nodes below `count` have.
    func upperBlockCount(below count: Int) -> Int {
        for ordinal in (0..<count).reversed() {
            let level = unsafe graph.levels[ordinal]
            if level != HNSWGraph.absent, level > 0 {
                return unsafe Int(graph.upperStart[ordinal]) + Int(level)
            }
        }
        return 0
    }
}

/// Keeps an index and what it was given alive.
private final class Owners: Sendable {
    private let index: HNSWIndex
    private let other: any AnyObject & Sendable

    init(_ index: HNSWIndex, _ other: any AnyObject & Sendable) {
        self.index = index
        self.other = other
    }
}

/// The node where every search starts, and its level, the highest of the graph.
struct EntryPoint: Hashable, Sendable {
    let ordinal: UInt32
    let level: Int

    init(ordinal: UInt32, level: Int) {
        self.ordinal = ordinal
        self.level = level
    }

    init?(word: UInt64) {
        guard word != .max else { return nil }
        ordinal = UInt32(truncatingIfNeeded: word)
        level = Int(word >> 32)
    }

    static func word(_ entry: EntryPoint?) -> UInt64 {
        guard let entry else { return .max }
        return UInt64(entry.level) << 32 | UInt64(entry.ordinal)
    }
}
