package import ApusCore

/// Inverted lists that can be searched: those in memory that grow (`SparseIndex`), and those of a
/// segment file (`MappedSparseIndex`).
package protocol SparseLists: Sendable {
    /// How many vectors the lists were made from, empty ones not counted.
    var count: Int { get }

    /// How many entries the lists have together.
    var postingCount: Int { get }

    /// About what they take of the process's own memory; what is mapped does not count.
    var memoryByteCount: Int { get }

    /// How many vectors have `index`.
    func documentFrequency(of index: UInt32) -> Int

    /// The `k` admitted points whose dot product with `query` is greatest, best first, equal
    /// scores by ordinal. Only points that share an index with the query are among them.
    ///
    /// The scores are sums in ascending order of the indices, so they are the same on every run and
    /// with every plan. O(p + r log k) for p entries in the query's lists and r points in them; most
    /// of them are skipped where few points come near the best. `filter`, when given, is a set that
    /// `admits` refuses everything outside of. `admits` is asked once per point at most. `watch` is
    /// told as measured how many entries were added up or looked up.
    func search(
        query: SparseVector, k: Int, filter: Bitmap?, plan: SparsePlan, watch: SearchWatch?,
        admits: (UInt32) -> Bool
    ) -> [SparseMatch]
}

extension SparseLists {
    package func search(
        query: SparseVector, k: Int, filter: Bitmap? = nil, watch: SearchWatch? = nil,
        admits: (UInt32) -> Bool
    ) -> [SparseMatch] {
        search(
            query: query, k: k, filter: filter, plan: .pruned, watch: watch, admits: admits)
    }
}

/// A point that a sparse search found.
package struct SparseMatch: Hashable, Sendable {
    package var ordinal: UInt32
    /// The dot product.
    package var score: Float

    package init(ordinal: UInt32, score: Float) {
        self.ordinal = ordinal
        self.score = score
    }
}
