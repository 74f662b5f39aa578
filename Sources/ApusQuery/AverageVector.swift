package import ApusCore

/// The vector to search neighbours of for examples of what is wanted and what is not: the mean of the
/// wanted ones, or twice it minus the mean of the unwanted ones. Of multi vectors, which have no
/// mean, it is all wanted vectors and the unwanted ones with their signs turned.
package enum AverageVector {
    /// All examples are of one kind and, but for sparse ones, of one dimension; nil: they are not,
    /// or none is wanted.
    package static func of(positive: [Vector], negative: [Vector]) -> Vector? {
        switch positive.first {
        case nil: return nil
        case .dense:
            guard let wanted = dense(positive), let unwanted = dense(negative) else { return nil }
            return .dense(mean(wanted, unwanted))
        case .sparse:
            guard let wanted = sparse(positive), let unwanted = sparse(negative) else { return nil }
            return .sparse(mean(wanted, unwanted))
        case .multi:
            guard let wanted = multi(positive), let unwanted = multi(negative) else { return nil }
            return .multi(wanted.joined() + unwanted.joined().map { $0.map(-) })
        }
    }

    private static func mean(_ positive: [[Float]], _ negative: [[Float]]) -> [Float] {
        let wanted = mean(positive)
        guard !negative.isEmpty else { return wanted }
        return zip(wanted, mean(negative)).map { $0 + $0 - $1 }
    }

    private static func mean(_ vectors: [[Float]]) -> [Float] {
        var sum = [Float](repeating: 0, count: vectors.first?.count ?? 0)
        for vector in vectors {
            for (position, component) in zip(sum.indices, vector) { sum[position] += component }
        }
        return sum.map { $0 / Float(vectors.count) }
    }

    private static func mean(
        _ positive: [SparseVector], _ negative: [SparseVector]
    ) -> SparseVector {
        var weights: [UInt32: Float] = [:]
        func add(_ vectors: [SparseVector], factor: Float) {
            for vector in vectors {
                for (index, value) in zip(vector.indices, vector.values) {
                    weights[index, default: 0] += value * factor / Float(vectors.count)
                }
            }
        }
        add(positive, factor: negative.isEmpty ? 1 : 2)
        add(negative, factor: -1)
        let indices = weights.keys.sorted()
        return SparseVector(indices: indices, values: indices.map { weights[$0] ?? 0 })
    }

    private static func dense(_ vectors: [Vector]) -> [[Float]]? {
        all(vectors) { if case .dense(let floats) = $0 { floats } else { nil } }
    }

    private static func sparse(_ vectors: [Vector]) -> [SparseVector]? {
        all(vectors) { if case .sparse(let sparse) = $0 { sparse } else { nil } }
    }

    private static func multi(_ vectors: [Vector]) -> [[[Float]]]? {
        all(vectors) { if case .multi(let rows) = $0 { rows } else { nil } }
    }

    private static func all<Kind>(_ vectors: [Vector], _ read: (Vector) -> Kind?) -> [Kind]? {
        let read = vectors.compactMap(read)
        return read.count == vectors.count ? read : nil
    }
}
