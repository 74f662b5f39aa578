internal import ApusCore
internal import ApusKernels

/// How alike two vectors of a field are, higher for closer; see `ExampleScore`.
///
/// Vectors are in the form in which fields store them: rounded, normalised under cosine (but for
/// bytes), sparse ones with ascending indices.
struct VectorSimilarity {
    private let kernel: DistanceKernel

    /// `field` is nil for sparse ones.
    init(_ field: DenseVectorConfiguration?) {
        kernel = DistanceKernel(
            metric: field?.metric ?? .dot, element: field?.element ?? .float32)
    }

    /// Of vectors of one kind; those of different kinds are not alike at all.
    func callAsFunction(_ left: Vector, _ right: Vector) -> Float {
        switch (left, right) {
        case (.dense(let left), .dense(let right)): plain(left, right)
        case (.sparse(let left), .sparse(let right)): Self.product(left, right)
        case (.multi(let left), .multi(let right)): maximal(left, right)
        case (.dense, _), (.sparse, _), (.multi, _): -.infinity
        }
    }

    func plain(_ left: [Float], _ right: [Float]) -> Float { -kernel.distance(left, right) }

    /// The similarity to a row; both have the space's dimension and element.
    func plain(_ vector: [Float], _ space: VectorSpace, _ row: Int) -> Float {
        precondition(vector.count == space.dimension && kernel.element == space.element)
        return unsafe kernel.withForms(of: vector) { _, query in
            unsafe -kernel.distance(query, space.row(row), dimension: space.dimension)
        }
    }

    /// MaxSim: for each query vector the best similarity among the candidates, summed.
    func maximal(_ queries: [[Float]], _ candidates: [[Float]]) -> Float {
        var sum: Float = 0
        for query in queries {
            sum += candidates.reduce(-Float.infinity) { max($0, plain(query, $1)) }
        }
        return sum
    }

    private static func product(_ left: SparseVector, _ right: SparseVector) -> Float {
        var sum: Float = 0
        var (i, j) = (0, 0)
        while i < left.indices.count, j < right.indices.count {
            if left.indices[i] == right.indices[j] {
                sum += left.values[i] * right.values[j]
                i += 1
                j += 1
            } else if left.indices[i] < right.indices[j] {
                i += 1
            } else {
                j += 1
            }
        }
        return sum
    }
}
