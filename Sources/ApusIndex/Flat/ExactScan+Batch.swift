package import ApusCore
package import ApusKernels

// Several queries against the same rows, as a product of matrices.
//
// A matrix product adds up in another order than the kernels, so its distances are estimates: they
// only say which rows cannot be among the nearest, by more than what rounding may do to both
// (Higham, "Accuracy and Stability of Numerical Algorithms", 3.1: n·u/(1 − n·u) of the product of the
// lengths, for sums of n terms). All others are measured by the kernel, and so the answers are those
// of queries that are asked one by one, to the last bit.

extension ExactScan {
    /// From how many queries on they are answered together.
    package static var batchMin: Int { 8 }

    /// The `k` nearest admitted rows of `range` for each of several queries, best first: what
    /// `search` finds for each of them alone.
    ///
    /// Queries are as `DistanceKernel.prepare` returns them. O(queries × rows × dimension), in one
    /// pass over the rows for 64 queries each. Manhattan distances are no products, and few queries
    /// gain nothing: these go one by one.
    package static func search(
        all queries: [[Float]], kernel: DistanceKernel, vectors: VectorSpace, range: Range<Int>,
        k: Int, isPresent: Bitmap? = nil, admission: Admission = .all, watch: SearchWatch? = nil
    ) -> [[Neighbour]] {
        guard queries.count >= batchMin, kernel.metric != .manhattan else {
            return queries.map {
                search(
                    $0, kernel: kernel, vectors: vectors, range: range, k: k,
                    isPresent: isPresent, admission: admission, watch: watch)
            }
        }
        precondition(
            queries.allSatisfy { $0.count == vectors.dimension },
            "queries of other dimensions than \(vectors.dimension)")
        precondition(
            kernel.element == vectors.element,
            "a kernel of \(kernel.element) for vectors of \(vectors.element)")
        let rows =
            max(
                0, range.lowerBound)..<max(
                0, range.lowerBound, min(range.upperBound, admission.visibleCount))
        guard k > 0, !rows.isEmpty else { return queries.map { _ in [] } }
        var answers: [[Neighbour]] = []
        for start in stride(from: 0, to: queries.count, by: BatchScan.queriesMax) {
            var scan = BatchScan(
                Array(queries[start..<min(start + BatchScan.queriesMax, queries.count)]),
                kernel: kernel, vectors: vectors, limit: min(k, rows.count))
            admission.withTest(below: rows.upperBound) { test in
                for row in stride(
                    from: rows.lowerBound, to: rows.upperBound, by: scan.blockSize)
                where !(watch?.stops ?? false) {
                    scan.take(
                        row..<min(row + scan.blockSize, rows.upperBound), test: test,
                        isPresent: isPresent)
                }
            }
            watch?.add(measured: rows.count * scan.queryCount, rescored: scan.rescoredCount)
            answers += scan.neighbours
        }
        return answers
    }
}

/// The state of one pass for some queries.
private struct BatchScan {
    static let queriesMax = 64

    /// Rows of a product: their floats stay in the cache.
    let blockSize: Int
    private(set) var rescoredCount = 0

    private let kernel: DistanceKernel
    private let vectors: VectorSpace
    private let queries: [[Float]]
    /// The queries as floats that products are made of, one behind the other, and their lengths.
    private var floats: [Float] = []
    private var lengths: [Float] = []
    private var nearest: [NearestKeys]
    private var products: [Float]
    private var rowLengths: [Float]
    private var isAdmitted: [Bool]
    private var ids: [UInt32] = []
    private var distances: [Float]
    /// What rounding may do to an estimate and to a distance, in parts of what is added up.
    private let rounding: Float

    init(_ queries: [[Float]], kernel: DistanceKernel, vectors: VectorSpace, limit: Int) {
        self.queries = queries
        self.kernel = kernel
        self.vectors = vectors
        let dimension = vectors.dimension
        blockSize = max(16, min(256, (1 << 17) / dimension))
        rounding = 4 * Float(dimension + 8) * 0x1p-24
        nearest = queries.map { _ in NearestKeys(limit: limit) }
        products = [Float](repeating: 0, count: queries.count * blockSize)
        rowLengths = [Float](repeating: 1, count: blockSize)
        isAdmitted = [Bool](repeating: true, count: blockSize)
        distances = [Float](repeating: 0, count: blockSize)
        ids.reserveCapacity(blockSize)
        for query in queries {
            unsafe kernel.withForms(of: query) { start, _ in
                let query = unsafe UnsafeBufferPointer(start: start, count: dimension)
                unsafe floats.append(contentsOf: query)
                lengths.append(
                    unsafe Float(query.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()))
            }
        }
    }

    var queryCount: Int { queries.count }

    var neighbours: [[Neighbour]] { nearest.map(\.neighbours) }

    mutating func take(
        _ rows: Range<Int>, test: borrowing AdmissionTest, isPresent: Bitmap?
    ) {
        var hasAdmitted = false
        for (place, row) in rows.enumerated() {
            isAdmitted[place] =
                test.admits(row) && (isPresent.map { row < $0.count && $0[row] } ?? true)
            if isAdmitted[place] { hasAdmitted = true }
        }
        guard hasAdmitted else { return }
        multiply(rows)
        for query in queries.indices {
            collect(rows, for: query)
            measure(query)
        }
    }

    /// Fills `products`, and `rowLengths` where rows have not all length 1.
    private mutating func multiply(_ rows: Range<Int>) {
        let dimension = vectors.dimension
        let length = DistanceKernel(metric: .dot)
        unsafe vectors.withFloats(rows, under: kernel.metric) { start, stride in
            unsafe floats.withUnsafeBufferPointer { floats in
                unsafe products.withUnsafeMutableBufferPointer { products in
                    guard let left = floats.baseAddress, let target = products.baseAddress else {
                        return
                    }
                    unsafe MatrixProduct.dotProducts(
                        of: left, count: queries.count, stride: dimension, with: start,
                        count: rows.count, stride: stride, dimension: dimension, into: target)
                }
            }
            guard kernel.metric != .cosine else { return }
            for place in 0..<rows.count {
                let row = unsafe UnsafeRawPointer(start + place * stride)
                rowLengths[place] = unsafe (-length.distance(row, row, dimension: dimension))
                    .squareRoot()
            }
        }
    }

    /// Finds the admitted rows that may be among the nearest of a query.
    private mutating func collect(_ rows: Range<Int>, for query: Int) {
        ids.removeAll(keepingCapacity: true)
        let bound = nearest[query].farthest?.distance ?? .infinity
        let length = lengths[query]
        let isSquare = kernel.metric == .euclid
        for place in 0..<rows.count {
            let product = products[query * rows.count + place]
            let sum = length + rowLengths[place]
            let least =
                isSquare
                ? length * length + rowLengths[place] * rowLengths[place] - 2 * product
                    - rounding * sum * sum
                : -product - rounding * length * rowLengths[place]
            // What is no number is measured.
            if least > bound || !isAdmitted[place] { continue }
            ids.append(UInt32(truncatingIfNeeded: rows.lowerBound + place))
        }
    }

    private mutating func measure(_ query: Int) {
        guard !ids.isEmpty else { return }
        rescoredCount += ids.count
        unsafe kernel.withForms(of: queries[query]) { _, row in
            unsafe ids.withUnsafeBufferPointer { ids in
                unsafe distances.withUnsafeMutableBufferPointer { distances in
                    guard let ids = ids.baseAddress, let target = distances.baseAddress else {
                        return
                    }
                    unsafe kernel.distances(
                        from: row, to: ids, count: self.ids.count, in: vectors, into: target)
                }
            }
        }
        for (place, id) in ids.enumerated() {
            nearest[query].offer(NeighbourKey(distance: distances[place], ordinal: id))
        }
    }
}
