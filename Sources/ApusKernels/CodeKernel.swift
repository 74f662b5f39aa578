package import ApusCore
private import CApusKernels

/// A query against rows of codes: a vector with signed codes, in memory that the caller lends.
@safe
package struct CodeQuery {
    fileprivate let query: capus_code_query

    /// Bytes of memory that a query of so many components needs.
    package static func byteCount(dimension: Int) -> Int { (dimension + 63) / 64 * 64 }

    /// Codes `[dimension]` finite floats into `codes`.
    package init(
        _ vector: UnsafePointer<Float>, dimension: Int, codes: UnsafeMutablePointer<Int8>
    ) {
        unsafe query = unsafe capus_encode_query(vector, dimension, codes)
    }

    /// A row of codes as the query: its vector is the same to the bit.
    package init(row ordinal: Int, of space: CodeSpace, codes: UnsafeMutablePointer<Int8>) {
        unsafe query = unsafe capus_query_of_row(space.row(ordinal), space.dimension, codes)
    }
}

/// The distances of one metric between codes, in the instruction set of this process: those of
/// `DistanceKernel` up to the error of the codes. All instruction sets give the same bits.
@safe
package struct CodeKernel: Sendable {
    private let functions: capus_code_distance

    /// Nil where distances do not follow from products of components (Manhattan).
    package init?(metric: Metric, level: SIMDLevel = .effective) {
        let table = unsafe KernelTable.codes(level) ?? KernelTable.codes(.scalar)
        guard let table = unsafe table else { return nil }
        switch metric {
        case .cosine, .dot: unsafe functions = table.pointee.negative_dot
        case .euclid: unsafe functions = table.pointee.squared_l2
        case .manhattan: return nil
        }
    }

    /// The distances of `query` to the rows `ids[0..<count]` of `space`, into `distances`.
    ///
    /// Four rows are read at once, the next four prefetched. Every id must be a row of the space.
    @inline(__always)
    package func distances(
        from query: CodeQuery, to ids: UnsafePointer<UInt32>, count: Int, in space: CodeSpace,
        into distances: UnsafeMutablePointer<Float>
    ) {
        unsafe withUnsafePointer(to: query.query) { query in
            unsafe functions.to_ids(query, space.base, space.stride, ids, count, distances)
        }
    }

    /// The distances of `query` to the `count` rows of `space` from `start` on, into `distances`.
    package func distances(
        from query: CodeQuery, toRowsFrom start: Int, count: Int, in space: CodeSpace,
        into distances: UnsafeMutablePointer<Float>
    ) {
        unsafe withUnsafePointer(to: query.query) { query in
            unsafe functions.to_range(query, space.row(start), space.stride, count, distances)
        }
    }
}
