package import ApusCore

/// Inverted lists that can be searched: those in memory that grow (`SparseIndex`), and those of a
/// segment file (`MappedSparseIndex`).
package protocol SparseLists: Sendable {
    /// How many vectors the lists were made from, empty ones not counted.
    var count: Int { get }

    /// How many vectors have `index`.
    func documentFrequency(of index: UInt32) -> Int

    /// The `k` admitted points whose dot product with `query` is greatest, best first, equal
    /// scores by ordinal. Only points that share an index with the query are among them.
    ///
    /// The scores are sums in ascending order of the indices, so they are the same on every run.
    /// O(p + r log k) for p entries in the query's lists and r points in them. `admits` is asked
    /// once per point at most.
    func search(
        query: SparseVector, k: Int, watch: SearchWatch?, admits: (UInt32) -> Bool
    ) -> [SparseMatch]
}

extension SparseLists {
    package func search(
        query: SparseVector, k: Int, admits: (UInt32) -> Bool
    ) -> [SparseMatch] { search(query: query, k: k, watch: nil, admits: admits) }
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
