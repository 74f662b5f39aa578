package import ApusCore
private import CApusKernels

/// The distances of one metric, in the instruction set of this process.
///
/// A distance is smaller for a better match, whatever the metric:
///
/// | metric | distance | score |
/// |---|---|---|
/// | euclid | squared L2 | its square root |
/// | dot | −dot | −distance |
/// | cosine | −dot over normalised vectors | −distance |
/// | manhattan | L1 | distance |
///
/// Vectors are stored, and queries are given, as `prepare` returns them. All forms give the same
/// bits for the same two vectors.
@safe
package struct DistanceKernel: Sendable {
    package let metric: Metric
    private let functions: capus_distance

    /// The kernels of `metric` at `level`, or at the scalar level where `level` is not supported.
    package init(metric: Metric, level: SIMDLevel = .effective) {
        self.metric = metric
        let table = unsafe KernelTable.of(level) ?? KernelTable.of(.scalar)
        unsafe functions = Self.functions(of: metric, in: table)
    }

    /// The distance of two vectors of `dimension` floats.
    package func distance(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, dimension: Int
    ) -> Float {
        unsafe functions.pair(left, right, dimension)
    }

    /// The distances of `query` to the rows `ids[0..<count]` of `space`, into `distances`.
    ///
    /// Four rows are read at once, the next four prefetched. Every id must be a row of the space.
    package func distances(
        from query: UnsafePointer<Float>, to ids: UnsafePointer<UInt32>, count: Int,
        in space: VectorSpace, into distances: UnsafeMutablePointer<Float>
    ) {
        unsafe functions.to_ids(
            query, space.base, space.stride, space.dimension, ids, count, distances)
    }

    /// The distances of `query` to the `count` rows of `space` from `start` on, into `distances`.
    package func distances(
        from query: UnsafePointer<Float>, toRowsFrom start: Int, count: Int,
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
    /// vector stays zero), and as it is under the other metrics.
    package func prepare(_ vector: [Float]) -> [Float] {
        metric == .cosine ? Self.normalized(vector) : vector
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
}
