/// What the work of searches costs on a machine, in nanoseconds.
///
/// A search reads rows: of vectors, or of their codes. What that takes depends on how many bytes a row
/// has, on where the next one lies, and on whether all of them fit into a cache: a scan of all rows lives
/// on memory bandwidth, a scan of some rows and a walk on how many reads can be under way at once, and
/// the next step of a walk waits for the links that the step before it has found.
package struct CostModel: Hashable, Sendable {
    /// Of measuring one row of so many bytes.
    package struct RowCost: Hashable, Sendable {
        package var fixed: Double
        package var perByte: Double

        package init(fixed: Double, perByte: Double) {
            self.fixed = fixed
            self.perByte = perByte
        }

        package func callAsFunction(bytes: Int) -> Double { fixed + perByte * Double(bytes) }
    }

    /// Rows one behind the other.
    package var sequential: RowCost
    /// Rows at places that are known some rows ahead, of a few megabytes.
    package var near: RowCost
    /// The same of more than caches hold.
    package var random: RowCost
    /// One read at a place that the read before it tells.
    package var latency: Double

    package init(sequential: RowCost, near: RowCost, random: RowCost, latency: Double) {
        self.sequential = sequential
        self.near = near
        self.random = random
        self.latency = latency
    }

    /// Bytes of a core's part in the last cache, on usual servers. Systems tell that of the whole
    /// processor, however small the part of it that a virtual machine has.
    static let cacheByteCount = 32 << 20

    /// Of a server processor with AVX-512, while it does little else.
    package static let typical = CostModel(
        sequential: RowCost(fixed: 2, perByte: 0.08), near: RowCost(fixed: 35, perByte: 0.12),
        random: RowCost(fixed: 60, perByte: 0.19), latency: 100)

    /// What searches need of the time that rows take one call after the other: they ask for rows
    /// earlier. Those of a walk come in no order, those of a scan in theirs.
    private static let walked = (near: 0.3, random: 0.68)
    private static let ordered = (near: 0.2, random: 0.4)
    /// Work for a row of a scan beside reading it.
    private static let scanCost = 6.0

    /// The nanoseconds of one of `count` rows in a walk.
    func walkedRow(bytes: Int, of count: Int) -> Double {
        row(bytes: bytes, of: count, Self.walked)
    }

    /// The nanoseconds of a row in a scan that takes a share of `count` rows, in their order.
    func scannedRow(bytes: Int, of count: Int, share: Double) -> Double {
        // Nearly all rows are read through, the odd one in vain; of a few each is looked for.
        Self.scanCost
            + min(
                sequential(bytes: bytes) / max(share, 1e-9),
                row(bytes: bytes, of: count, Self.ordered))
    }

    /// Between what holds in the cache and what holds far beyond it.
    private func row(
        bytes: Int, of count: Int, _ part: (near: Double, random: Double)
    ) -> Double {
        let all = Double(bytes) * Double(max(1, count))
        let excess = (all / Double(Self.cacheByteCount) - 0.75) / 0.5
        let low = part.near * near(bytes: bytes)
        return low + (part.random * random(bytes: bytes) - low) * min(max(excess, 0), 1)
    }
}
