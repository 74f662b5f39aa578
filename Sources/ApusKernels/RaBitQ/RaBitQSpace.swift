package import ApusCore
internal import CApusKernels

/// Bits that a component takes in RaBitQ codes.
package enum RaBitQBits: Int, CaseIterable, Sendable {
    case one = 1
    case two = 2
    case four = 4
}

/// Rows of RaBitQ codes in memory that somebody else owns: an arena, or the section of a mapped
/// segment file.
///
/// A row is a vector less a centroid, rotated, as one, two or four bits a component (`capus.h`,
/// "Codes of one, two or four bits a component"). What is computed from it is an estimate of a
/// distance, with a known standard deviation. Row i belongs to ordinal i, as in `VectorSpace`; the
/// same rules hold for its memory.
@safe
package struct RaBitQSpace: @unchecked Sendable {
    // Sendable: the centroid does not change, and rows are written before anybody reads them.
    package let base: UnsafePointer<UInt8>
    /// Bytes from one row to the next.
    package let stride: Int
    /// Components of a vector.
    package let dimension: Int
    package let bits: RaBitQBits
    package let metric: Metric
    /// Floats, and zeros up to the padded dimension.
    let centroid: UnsafePointer<Float>

    /// Rows start at multiples of 16 bytes. It is part of the format of segment files.
    package static func stride(dimension: Int, bits: RaBitQBits) -> Int {
        let codes = paddedDimension(dimension) * bits.rawValue / 8
        return (Int(capus_rabitq_head_size) + codes + 15) / 16 * 16
    }

    /// The next multiple of 64.
    package static func paddedDimension(_ dimension: Int) -> Int {
        capus_rabitq_padded(dimension)
    }

    /// Whether distances follow from inner products, which codes estimate.
    package static func supports(_ metric: Metric) -> Bool { metric != .manhattan }

    init(
        base: UnsafePointer<UInt8>, centroid: UnsafePointer<Float>, dimension: Int,
        bits: RaBitQBits, metric: Metric
    ) {
        unsafe self.base = base
        unsafe self.centroid = centroid
        self.dimension = dimension
        self.bits = bits
        self.metric = metric
        stride = Self.stride(dimension: dimension, bits: bits)
    }

    var rowSettings: capus_rabitq_space {
        unsafe capus_rabitq_space(
            dimension: dimension, bits: bits.rawValue, is_squared_l2: metric == .euclid,
            centroid: centroid)
    }

    /// The row's first byte. The caller knows that there is such a row.
    package func row(_ ordinal: Int) -> UnsafePointer<UInt8> { unsafe base + ordinal * stride }

    /// The standard deviation of the estimate of the row's distance to a query that is at a
    /// distance of 1 from the centroid; in proportion for others. The caller knows that there is
    /// such a row.
    @inline(__always)
    package func error(of ordinal: UInt32) -> Float {
        unsafe UnsafeRawPointer(row(Int(ordinal)))
            .loadUnaligned(fromByteOffset: 2 * MemoryLayout<Float>.size, as: Float.self)
    }

    /// Whether a row is what `RaBitQArena` makes of `[dimension]` floats with this centroid.
    package func hasRow(_ ordinal: Int, of vector: UnsafePointer<Float>) -> Bool {
        let padded = Self.paddedDimension(dimension)
        let used = Int(capus_rabitq_head_size) + padded * bits.rawValue / 8
        var settings = unsafe rowSettings
        let expected = unsafe [UInt8](unsafeUninitializedCapacity: stride) { row, count in
            guard let start = row.baseAddress else { return }
            unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: padded) { work in
                guard let work = work.baseAddress else { return }
                unsafe capus_rabitq_encode(&settings, vector, work, start)
            }
            count = used
        }
        return unsafe expected.elementsEqual(
            UnsafeBufferPointer(start: row(ordinal), count: used))
    }
}

/// RaBitQ codes in memory: rows that are written once and never move, in the form of the section of
/// a segment file.
package final class RaBitQArena: Sendable {
    /// The rows, valid while this object lives.
    package let space: RaBitQSpace
    package let capacity: Int

    private let memory: ReservedMemory

    /// Room for `capacity` rows of vectors less `centroid`, `[dimension]` floats.
    package init(
        capacity: Int, bits: RaBitQBits, metric: Metric, centroid: [Float]
    ) throws(KernelError) {
        let dimension = centroid.count
        let start = RaBitQSection.rowsOffset(dimension: dimension)
        let (size, overflow) = RaBitQSpace.stride(dimension: dimension, bits: bits)
            .multipliedReportingOverflow(by: capacity)
        guard !overflow, size < Int.max - start else { throw .outOfMemory(byteCount: Int.max) }
        memory = try ReservedMemory(byteCount: start + size, isFilledAtOnce: true)
        self.capacity = capacity
        let header = RaBitQSection.header(
            dimension: dimension, bits: bits, metric: metric, count: capacity)
        for (offset, byte) in header.enumerated() {
            unsafe memory.base.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
        }
        let floats = unsafe (memory.base + header.count).bindMemory(
            to: Float.self, capacity: RaBitQSpace.paddedDimension(dimension))
        for (index, value) in centroid.enumerated() { unsafe floats[index] = value }
        unsafe space = RaBitQSpace(
            base: (memory.base + start).assumingMemoryBound(to: UInt8.self), centroid: floats,
            dimension: dimension, bits: bits, metric: metric)
    }

    /// Codes rows `range` of `vectors`. The same floats and centroid give the same bytes on every
    /// machine. O(rows × dimension × log dimension). Other threads may store other rows meanwhile.
    package func store(_ range: Range<Int>, of vectors: VectorSpace) {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= capacity, "rows \(range) of \(capacity)")
        precondition(
            vectors.dimension == space.dimension,
            "vectors of \(vectors.dimension) floats in codes of \(space.dimension)")
        let padded = RaBitQSpace.paddedDimension(space.dimension)
        var settings = unsafe space.rowSettings
        unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: padded) { work in
            guard let work = work.baseAddress else { return }
            for row in range {
                unsafe vectors.withFloats(row..<row + 1, under: space.metric) { floats, _ in
                    unsafe capus_rabitq_encode(
                        &settings, floats, work, UnsafeMutablePointer(mutating: space.row(row)))
                }
            }
        }
    }

    /// The section of a segment file with all rows.
    package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try unsafe body(space.sectionBytes(count: capacity))
    }
}
