package import ApusCore
private import CApusKernels

/// The distances of one metric between vectors of one element type, in the instruction set of this
/// process.
///
/// A distance is smaller for a better match, whatever the metric:
///
/// | metric | distance | score |
/// |---|---|---|
/// | euclid | squared L2 | its square root |
/// | dot | −dot | −distance |
/// | cosine | −dot over normalised vectors; of bytes −cosine | −distance |
/// | manhattan | L1 | distance |
///
/// Vectors are stored, and queries are given, as `prepare` returns them; a query is compared as a row
/// would be, so it is one (`withForms`). All forms give the same bits for the same two vectors.
@safe
package struct DistanceKernel: Sendable {
    package let metric: Metric
    /// What rows and queries consist of.
    package let element: VectorElement
    private let functions: capus_distance

    /// The kernels of `metric` at `level`, or at the scalar level where `level` is not supported.
    package init(
        metric: Metric, element: VectorElement = .float32, level: SIMDLevel = .effective
    ) {
        self.metric = metric
        self.element = element
        let level = level.isSupported ? level : .scalar
        functions =
            switch element {
            case .float32: unsafe Self.functions(of: metric, in: KernelTable.of(level))
            case .float16: unsafe Self.functions(of: metric, in: KernelTable.halves(level))
            case .uint8: unsafe Self.functions(of: metric, in: KernelTable.bytes(level))
            }
    }

    /// The distance of two vectors of `dimension` components.
    package func distance(
        _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, dimension: Int
    ) -> Float {
        unsafe functions.pair(left, right, dimension)
    }

    /// The distance of two prepared vectors of one dimension.
    package func distance(_ left: [Float], _ right: [Float]) -> Float {
        let dimension = min(left.count, right.count)
        guard dimension > 0 else { return 0 }
        return unsafe element.withRow(of: left) { left in
            unsafe element.withRow(of: right) { right in
                unsafe distance(left, right, dimension: dimension)
            }
        }
    }

    /// The distances of `query` to the rows `ids[0..<count]` of `space`, into `distances`.
    ///
    /// Four rows are read at once, the next four prefetched. Every id must be a row of the space,
    /// and query and space of the kernel's element.
    package func distances(
        from query: UnsafeRawPointer, to ids: UnsafePointer<UInt32>, count: Int,
        in space: VectorSpace, into distances: UnsafeMutablePointer<Float>
    ) {
        unsafe functions.to_ids(
            query, space.base, space.stride, space.dimension, ids, count, distances)
    }

    /// The distances of `query` to the `count` rows of `space` from `start` on, into `distances`.
    package func distances(
        from query: UnsafeRawPointer, toRowsFrom start: Int, count: Int,
        in space: VectorSpace, into distances: UnsafeMutablePointer<Float>
    ) {
        unsafe functions.to_range(
            query, space.row(start), space.stride, space.dimension, count, distances)
    }

    /// The score that callers see for a distance.
    package func score(_ distance: Float) -> Float {
        switch metric {
        case .cosine, .dot: -distance
        case .euclid: distance.squareRoot()
        case .manhattan: distance
        }
    }

    /// The distance that belongs to a score, for thresholds.
    package func distance(ofScore score: Float) -> Float {
        switch metric {
        case .cosine, .dot: -score
        case .euclid: score < 0 ? -.infinity : score * score
        case .manhattan: score
        }
    }

    /// The vector as it is stored and searched for: normalised to length 1 under cosine (a zero
    /// vector stays zero), except in bytes, and rounded to what the element can be.
    package func prepare(_ vector: [Float]) -> [Float] {
        element.rounded(
            metric == .cosine && element != .uint8 ? Self.normalized(vector) : vector)
    }

    /// Lends a prepared query in the forms that it is compared in: as floats, which codes and other
    /// arithmetic are for (of length 1 under cosine), and as a row. Of floats, both are the query
    /// where it lies.
    package func withForms<R>(
        of query: [Float],
        _ body: (_ floats: UnsafePointer<Float>, _ row: UnsafeRawPointer) -> R
    ) -> R {
        let isScaled = metric == .cosine && element == .uint8
        let floats = isScaled ? Self.normalized(query) : query
        return unsafe floats.withUnsafeBufferPointer { floats in
            guard let start = floats.baseAddress else { preconditionFailure("an empty query") }
            if element == .float32 { return unsafe body(start, UnsafeRawPointer(start)) }
            return unsafe element.withRow(of: query) { row in unsafe body(start, row) }
        }
    }

    /// `vector` scaled to length 1; a zero vector stays as it is.
    ///
    /// The length is taken in double precision, so that no finite vector overflows it.
    package static func normalized(_ vector: [Float]) -> [Float] {
        let square = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
        guard square > 0 else { return vector }
        let scale = 1 / square.squareRoot()
        return vector.map { Float(Double($0) * scale) }
    }

    /// The same in place.
    static func normalize(_ vector: UnsafeMutablePointer<Float>, _ count: Int) {
        var square = 0.0
        for index in 0..<count { square += unsafe Double(vector[index]) * Double(vector[index]) }
        guard square > 0 else { return }
        let scale = 1 / square.squareRoot()
        for index in 0..<count { unsafe vector[index] = Float(Double(vector[index]) * scale) }
    }

    private static func functions(
        of metric: Metric, in table: UnsafePointer<capus_kernels>?
    ) -> capus_distance {
        guard let table = unsafe table else { preconditionFailure("no scalar kernels") }
        switch metric {
        case .cosine, .dot: return unsafe table.pointee.negative_dot
        case .euclid: return unsafe table.pointee.squared_l2
        case .manhattan: return unsafe table.pointee.l1
        }
    }

    private static func functions(
        of metric: Metric, in table: UnsafePointer<capus_byte_kernels>?
    ) -> capus_distance {
        guard let table = unsafe table else { preconditionFailure("no scalar kernels") }
        switch metric {
        case .cosine: return unsafe table.pointee.negative_cosine
        case .dot: return unsafe table.pointee.negative_dot
        case .euclid: return unsafe table.pointee.squared_l2
        case .manhattan: return unsafe table.pointee.l1
        }
    }
}
