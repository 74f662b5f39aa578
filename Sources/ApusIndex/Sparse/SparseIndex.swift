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
            state.postingCount * 8
                + state.lists.capacity * (MemoryLayout<PostingList>.stride + 128)
        }
    }

    /// Adds the vector of the point at `ordinal`, which is greater than all before. Indices are
    /// distinct, in any order. An empty vector leaves no trace.
    package func insert(_ vector: SparseVector, ordinal: UInt32) {
        guard !vector.indices.isEmpty else { return }
        state.withLock { state in
            for (index, weight) in zip(vector.indices, vector.values) {
                state.lists[index, default: PostingList()]
                    .append(ordinal: ordinal, weight: weight)
            }
            state.count += 1
            state.postingCount += vector.indices.count
        }
    }

    package func documentFrequency(of index: UInt32) -> Int {
        state.withLock { $0.lists[index]?.count ?? 0 }
    }

    package func search(
        query: SparseVector, k: Int, filter: Bitmap?, plan: SparsePlan, watch: SearchWatch?,
        admits: (UInt32) -> Bool
    ) -> [SparseMatch] {
        let query = query.sorted()
        // Holds the lock only while it takes references to the lists.
        let lists = state.withLock { state in
            zip(query.indices, query.values).compactMap { index, weight in
                state.lists[index].map { ($0, weight) }
            }
        }
        return withExtendedLifetime(lists) {
            SparseSearch.run(
                lists: lists.map { list, weight in
                    var runs: [PostingRun] = []
                    list.forEachBlock { runs.append($0.run) }
                    return QueryList(weight: weight, runs: runs, count: list.count)
                }, k: k, filter: filter, plan: plan, watch: watch, admits: admits)
        }
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

    /// All lists, ascending by index.
    func sortedLists() -> [(index: UInt32, list: PostingList)] {
        state.withLock { $0.lists }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
