/// Rows of floats in memory that somebody else owns: a growing arena, or the vector section of a
/// mapped segment file.
///
/// Row `i` starts at `base + i * stride` and holds `dimension` floats, followed by zeros up to the
/// stride. The row number is the ordinal of the point in its segment. The owner must keep the
/// memory in place while a copy of this view is in use; a row does not change after it was first
/// searched.
@safe
package struct VectorSpace: @unchecked Sendable {
    // Sendable: rows are written once, before the writer publishes their ordinals.
    package let base: UnsafePointer<Float>
    /// Floats from one row to the next: `stride(dimension:)`.
    package let stride: Int
    /// Floats of a vector.
    package let dimension: Int

    package init(base: UnsafePointer<Float>, dimension: Int) {
        unsafe self.base = unsafe base
        self.stride = Self.stride(dimension: dimension)
        self.dimension = dimension
    }

    /// The rows of a section of a segment file; nil when `bytes` is not `count` rows (nor longer),
    /// or is not aligned to floats.
    package init?(section bytes: UnsafeRawBufferPointer, dimension: Int, count: Int) {
        guard dimension > 0, count >= 0, let start = bytes.baseAddress else { return nil }
        let row = Self.stride(dimension: dimension) * MemoryLayout<Float>.size
        guard bytes.count / row >= count else { return nil }
        guard UInt(bitPattern: start) % UInt(MemoryLayout<Float>.alignment) == 0 else {
            return nil
        }
        unsafe self.init(base: start.assumingMemoryBound(to: Float.self), dimension: dimension)
    }

    /// Floats from one row to the next: from 16 dimensions on the next multiple of 16, so that
    /// every row starts on a cache line of 64 bytes; below, the next power of two, so that no row
    /// crosses a line. It is part of the format of segment files.
    package static func stride(dimension: Int) -> Int {
        if dimension >= 16 { return (dimension + 15) / 16 * 16 }
        var stride = 1
        while stride < dimension { stride *= 2 }
        return stride
    }

    /// The row's first float. The caller knows that there is such a row.
    package func row(_ ordinal: Int) -> UnsafePointer<Float> {
        unsafe base + ordinal * stride
    }

    /// A copy of a row. The caller knows that there is such a row.
    package func vector(at ordinal: Int) -> [Float] {
        unsafe Array(UnsafeBufferPointer(start: row(ordinal), count: dimension))
    }
}
