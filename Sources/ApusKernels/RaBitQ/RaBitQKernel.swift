private import CApusKernels

/// A query against rows of RaBitQ codes, in memory that the caller lends.
@safe
package struct RaBitQQuery {
    fileprivate let query: capus_rabitq_query

    /// Bytes of memory, aligned to floats, that a query of so many components needs.
    package static func byteCount(dimension: Int) -> Int {
        let padded = RaBitQSpace.paddedDimension(dimension)
        return padded * MemoryLayout<Float>.size + (padded + 255) / 256 * 256
    }

    /// Codes `[dimension]` finite floats for the rows of `space`.
    package init(
        _ vector: UnsafePointer<Float>, of space: RaBitQSpace, memory: UnsafeMutableRawPointer
    ) {
        let padded = RaBitQSpace.paddedDimension(space.dimension)
        let work = unsafe memory.bindMemory(to: Float.self, capacity: padded)
        let codes = unsafe memory + padded * MemoryLayout<Float>.size
        var settings = unsafe space.rowSettings
        unsafe query = unsafe capus_rabitq_prepare(
            &settings, vector, work, codes.assumingMemoryBound(to: UInt8.self))
    }

    /// How far it is from the centroid: what errors of estimates are in proportion to.
    package var length: Float { unsafe query.length }
}

/// Estimates of the distances of `DistanceKernel` from RaBitQ codes, in the instruction set of this
/// process. All instruction sets give the same bits.
@safe
package struct RaBitQKernel: Sendable {
    private let functions: capus_rabitq_distance

    package init(bits: RaBitQBits, level: SIMDLevel = .effective) {
        let table = unsafe KernelTable.rabitq(level) ?? KernelTable.rabitq(.scalar)
        guard let table = unsafe table else { preconditionFailure("no scalar kernels") }
        switch bits {
        case .one, .two: unsafe functions = table.pointee.planes
        case .four: unsafe functions = table.pointee.nibbles
        }
    }

    /// The estimates for the rows `ids[0..<count]` of `space`, into `distances`. Every id must be a
    /// row of the space, and the query have been made for it.
    @inline(__always)
    package func distances(
        from query: RaBitQQuery, to ids: UnsafePointer<UInt32>, count: Int, in space: RaBitQSpace,
        into distances: UnsafeMutablePointer<Float>
    ) {
        unsafe withUnsafePointer(to: query.query) { query in
            unsafe functions.to_ids(query, space.base, space.stride, ids, count, distances)
        }
    }

    /// The estimates for the `count` rows of `space` from `start` on, into `distances`.
    package func distances(
        from query: RaBitQQuery, toRowsFrom start: Int, count: Int, in space: RaBitQSpace,
        into distances: UnsafeMutablePointer<Float>
    ) {
        unsafe withUnsafePointer(to: query.query) { query in
            unsafe functions.to_range(query, space.row(start), space.stride, count, distances)
        }
    }
}
