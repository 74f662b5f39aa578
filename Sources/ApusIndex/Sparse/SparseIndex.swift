package import ApusCore
private import Synchronization

#if canImport(Darwin)
private import Darwin
#else
private import Glibc
#endif

/// An inverted index over sparse vectors, in memory: for each index of the vocabulary the points
/// that have it, with their weights. Searches are exact.
///
/// One thread inserts, in ascending order of ordinals; any number of threads search at the same
/// time. A search sees whole vectors only: those whose insertion ended before it began, and none
/// of the others.
package final class SparseIndex: SparseLists {
    private let state = Mutex(State())

    private struct State {
        var lists: [UInt32: PostingList] = [:]
        var count = 0
        var postingCount = 0
    }

    package init() {}

    /// How many vectors that are not empty were inserted.
    package var count: Int { state.withLock { $0.count } }

    /// How many entries the lists have together.
    package var postingCount: Int { state.withLock { $0.postingCount } }

    /// About what the lists take in memory.
    package var memoryByteCount: Int {
        state.withLock { state in
            state.postingCount * MemoryLayout<Posting>.stride
                + state.lists.capacity * (MemoryLayout<PostingList>.stride + 64)
        }
    }

    /// Adds the vector of the point at `ordinal`, which is greater than all before. Indices are
    /// distinct, in any order. An empty vector leaves no trace.
    package func insert(_ vector: SparseVector, ordinal: UInt32) {
        guard !vector.indices.isEmpty else { return }
        state.withLock { state in
            for (index, weight) in zip(vector.indices, vector.values) {
                state.lists[index, default: PostingList()]
                    .append(Posting(ordinal: ordinal, weight: weight))
            }
            state.count += 1
            state.postingCount += vector.indices.count
        }
    }

    package func documentFrequency(of index: UInt32) -> Int {
        state.withLock { $0.lists[index]?.count ?? 0 }
    }

    package func search(
        query: SparseVector, k: Int, watch: SearchWatch?, admits: (UInt32) -> Bool
    ) -> [SparseMatch] {
        SparseSearch.run(cursors: cursors(of: query), k: k, watch: watch, admits: admits)
    }

    /// What BM25 multiplies a query's weight with: ln((N − n + 0.5) / (n + 0.5) + 1), for N
    /// vectors of which n have the index.
    package static func inverseDocumentFrequency(
        documentCount: Int, documentFrequency: Int
    ) -> Float {
        let all = Float(documentCount)
        let having = Float(documentFrequency)
        return logf((all - having + 0.5) / (having + 0.5) + 1)
    }

    /// The lists of the query's indices as they are now, ascending by index. Holds the lock only
    /// while it takes references to them.
    private func cursors(of query: SparseVector) -> [PostingListCursor] {
        let query = query.sorted()
        return state.withLock { state in
            zip(query.indices, query.values).compactMap { index, weight in
                state.lists[index].map { PostingListCursor(list: $0, queryWeight: weight) }
            }
        }
    }

    /// All lists, ascending by index.
    func sortedLists() -> [(index: UInt32, list: PostingList)] {
        state.withLock { $0.lists }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

/// One point in the list of an index.
struct Posting: Hashable, Sendable {
    var ordinal: UInt32
    var weight: Float
}

/// The points that have one index, ascending by ordinal.
///
/// A value that shares its blocks with its copies: an insertion while a search holds a copy copies
/// the open block and the list of blocks, not the entries.
struct PostingList: Sendable {
    private static let blockSize = 256

    private var blocks: [[Posting]] = []
    private var open: [Posting] = []

    var count: Int { blocks.count * Self.blockSize + open.count }

    mutating func append(_ posting: Posting) {
        open.append(posting)
        if open.count == Self.blockSize {
            blocks.append(open)
            open = []
        }
    }

    var blockCount: Int { blocks.count + (open.isEmpty ? 0 : 1) }

    func forEach(_ body: (Posting) -> Void) {
        for index in 0..<blockCount { block(index).forEach(body) }
    }

    /// The entries of a block; `index` is below `blockCount`.
    func block(_ index: Int) -> [Posting] { index < blocks.count ? blocks[index] : open }
}

/// Walks a list in memory.
struct PostingListCursor: PostingCursor {
    let queryWeight: Float
    private let list: PostingList
    private var block: [Posting]
    private var blockIndex = 0
    private var position = 0

    init(list: PostingList, queryWeight: Float) {
        self.list = list
        self.queryWeight = queryWeight
        block = list.blockCount > 0 ? list.block(0) : []
    }

    var nextOrdinal: UInt32? { position < block.count ? block[position].ordinal : nil }

    mutating func advance(below end: UInt64, _ body: (UInt32, Float) -> Void) {
        while position < block.count {
            while position < block.count {
                let posting = block[position]
                guard posting.ordinal < end else { return }
                body(posting.ordinal, posting.weight)
                position += 1
            }
            blockIndex += 1
            guard blockIndex < list.blockCount else { return }
            block = list.block(blockIndex)
            position = 0
        }
    }
}
