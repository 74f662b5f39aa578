package import ApusCore

/// What an IVF-PQ index is made with. Values outside their ranges are brought into them.
package struct IVFParameters: Hashable, Sendable {
    /// Lists (cells of the coarse quantizer), 1…65,536; fewer where there are fewer vectors.
    package let listCount: Int
    /// Parts of a product code, a multiple of 4 from 4 to 256. Parts beyond the dimension are empty.
    package let partCount: Int
    /// Bits of a part's code: 4, for scans in registers, or 8.
    package let bits: Int
    /// Lists that each vector is in: 1, or 2 (spilled, `IVFQuantizer+Spill.swift`).
    package let listsPerRow: Int
    package let metric: Metric
    package let dimension: Int

    /// `listCount` and `partCount` nil: what suits so many vectors of this dimension: four times the
    /// square root of their number, and a part for every 2 components up to 383 dimensions, for
    /// every 3 up to 511, for every 4 above.
    package init(
        listCount: Int? = nil, partCount: Int? = nil, bits: Int = 4, spills: Bool = false,
        vectorCount: Int, metric: Metric, dimension: Int
    ) {
        self.dimension = min(max(dimension, 1), 65_536)
        self.metric = metric
        self.bits = bits == 8 ? 8 : 4
        listsPerRow = spills ? 2 : 1
        let lists = listCount ?? Int(4 * Double(max(0, vectorCount)).squareRoot())
        self.listCount = min(max(lists, 1), 65_536, max(1, vectorCount))
        let width = min(4, max(2, self.dimension / 128))
        let parts = partCount ?? (self.dimension + width - 1) / width
        self.partCount = min(max((parts + 3) / 4 * 4, 4), 256)
    }

    init(
        listCount: Int, partCount: Int, bits: Int, listsPerRow: Int, metric: Metric, dimension: Int
    ) {
        self.listCount = listCount
        self.listsPerRow = listsPerRow
        self.partCount = partCount
        self.bits = bits
        self.metric = metric
        self.dimension = dimension
    }

    /// Codewords of a part.
    package var codewordCount: Int { 1 << bits }

    /// The components of a part.
    func components(ofPart part: Int) -> Range<Int> {
        part * dimension / partCount..<(part + 1) * dimension / partCount
    }

    /// Whether distances need a number for each vector: under L2 the length of what its code stands
    /// for; products with the query need none.
    var hasTerms: Bool { metric == .euclid }

    /// Manhattan distances do not follow from products.
    package static func supports(_ metric: Metric) -> Bool { metric != .manhattan }
}
