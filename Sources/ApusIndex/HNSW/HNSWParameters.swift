package import ApusCore

/// What an HNSW graph is built with; stored with it.
package struct HNSWParameters: Hashable, Sendable {
    /// Links per node above level 0 (the paper's M), 2…1024; level 0 has `2 * m` (its Mmax0).
    package let m: Int
    /// Candidates considered when a node is linked (the paper's efConstruction), at least `m`.
    package let efConstruct: Int
    package let metric: Metric
    /// Floats of a vector.
    package let dimension: Int

    /// Values outside their ranges are moved to the nearest end.
    package init(m: Int, efConstruct: Int, metric: Metric, dimension: Int) {
        self.m = min(max(m, 2), 1024)
        self.efConstruct = min(max(efConstruct, self.m), 1 << 20)
        self.metric = metric
        self.dimension = max(dimension, 1)
    }

    /// Links that a node may have on a level.
    func linkCapacity(level: Int) -> Int { level == 0 ? 2 * m : m }

    /// The highest level that a node may have.
    static let levelMax = 15

    /// The level of a node: geometric with ratio 1/m, from a hash of its ordinal, so that it is
    /// the same in every build (the paper draws it at random).
    func level(of ordinal: Int) -> Int {
        var hash = UInt64(truncatingIfNeeded: ordinal) &+ 0x9e37_79b9_7f4a_7c15
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
        hash ^= hash >> 31
        // The chance of level >= l is m^-l: compare with thresholds, in integers, so that no
        // rounding of logarithms can differ between machines.
        var level = 0
        var threshold = UInt64.max / UInt64(m)
        while level < Self.levelMax, hash < threshold {
            level += 1
            threshold /= UInt64(m)
        }
        return level
    }
}
