/// What the work of searches costs on a machine, in nanoseconds.
///
/// A search reads rows: of vectors, or of their codes. What that takes depends on how many bytes a row
/// has and on where the next one lies: a scan of all rows lives on memory bandwidth, a scan of some rows
/// and a walk on how many reads can be under way at once, and the next step of a walk waits for the
/// links that the step before it has found.
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
    /// Rows at places that are known some rows ahead.
    package var random: RowCost
    /// One read at a place that the read before it tells.
    package var latency: Double

    package init(sequential: RowCost, random: RowCost, latency: Double) {
        self.sequential = sequential
        self.random = random
        self.latency = latency
    }

    /// Of a server processor with AVX-512, while it does little else.
    package static let typical = CostModel(
        sequential: RowCost(fixed: 2, perByte: 0.035),
        random: RowCost(fixed: 12, perByte: 0.1), latency: 100)

    /// The nanoseconds of a row in a scan that takes a share of all rows, in their order.
    func row(bytes: Int, share: Double) -> Double {
        // Nearly all rows are read through, the odd one in vain; of a few each is looked for.
        min(sequential(bytes: bytes) / max(share, 1e-9), random(bytes: bytes))
    }
}
