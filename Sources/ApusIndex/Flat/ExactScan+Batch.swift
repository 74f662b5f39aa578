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
    /// Queries of one pass over the rows, at most.
    package static var batchMax: Int { 64 }

    /// The `k` nearest admitted rows of `range` for each of several queries, best first: what
    /// `search` finds for each of them alone.
    ///
    /// Queries are as `DistanceKernel.prepare` returns them. O(queries × rows × dimension), in one
    /// pass over the rows for `batchMax` queries each. Manhattan distances are no products, and few
    /// queries gain nothing: these go one by one.
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
        for start in stride(from: 0, to: queries.count, by: batchMax) {
            var scan = BatchScan(
                Array(queries[start..<min(start + batchMax, queries.count)]),
                kernel: kernel, vectors: vectors, limit: min(k, rows.count))
            admission.withTest(below: rows.upperBound) { test in
                scan.take(rows, test: test, isPresent: isPresent, watch: watch)
            }
            watch?.add(
                measured: scan.admittedCount * scan.queryCount, rescored: scan.rescoredCount)
            answers += scan.neighbours
        }
        return answers
    }

    /// The `k` nearest of what scans of several ranges found, best first: what one scan of them all
    /// finds, when each was for `k` rows.
    package static func nearest(_ k: Int, of found: [Neighbour]) -> [Neighbour] {
        guard k > 0 else { return [] }
        var nearest = NearestKeys(limit: k)
        for neighbour in found {
            nearest.offer(NeighbourKey(distance: neighbour.distance, ordinal: neighbour.ordinal))
        }
        return nearest.neighbours
    }
}

/// The state of one pass for some queries.
///
/// Rows are multiplied in blocks, where they lie as long as half of a block is admitted. Of others the
/// admitted rows are copied until they are a block.
private struct BatchScan {
    /// Rows of a product: their floats stay in the cache.
    private let blockSize: Int
    /// Rows that each query was compared with.
    private(set) var admittedCount = 0
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
    /// The admitted rows of a block.
    private var admitted: [UInt32] = []
    /// Rows that wait to be a block, and their floats.
    private var gathered: [UInt32] = []
    private var gatheredFloats: [Float] = []
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
        distances = [Float](repeating: 0, count: blockSize)
        admitted.reserveCapacity(blockSize)
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
        _ rows: Range<Int>, test: borrowing AdmissionTest, isPresent: Bitmap?, watch: SearchWatch?
    ) {
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: blockSize) {
            if watch?.stops ?? false { return }
            let block = first..<min(first + blockSize, rows.upperBound)
            findAdmitted(block, test, isPresent)
            if admitted.isEmpty { continue }
            admittedCount += admitted.count
            if 2 * admitted.count >= block.count {
                unsafe vectors.withFloats(block, under: kernel.metric) { start, stride in
                    unsafe multiply(start, stride: stride, count: block.count)
                }
                for query in queries.indices {
                    collect(admitted, lyingFrom: first, count: block.count, for: query)
                    measure(query)
                }
            } else {
                gather()
                if 2 * gathered.count > blockSize { takeGathered() }
            }
        }
        takeGathered()
    }

    /// Finds the admitted rows of a block, with a filter by its words: few may match.
    private mutating func findAdmitted(
        _ block: Range<Int>, _ test: borrowing AdmissionTest, _ isPresent: Bitmap?
    ) {
        admitted.removeAll(keepingCapacity: true)
        let end = min(block.upperBound, test.end)
        var word = block.lowerBound / 64
        while word * 64 < end {
            var bits = unsafe test.filter?[word] ?? .max
            while bits != 0 {
                let row = word * 64 + bits.trailingZeroBitCount
                bits &= bits - 1
                guard block.contains(row), test.admits(row) else { continue }
                if let isPresent, row >= isPresent.count || !isPresent[row] { continue }
                admitted.append(UInt32(truncatingIfNeeded: row))
            }
            word += 1
        }
    }

    private mutating func gather() {
        if gatheredFloats.isEmpty {
            gatheredFloats = [Float](repeating: 0, count: blockSize * vectors.dimension)
        }
        for row in admitted {
            let place = gathered.count * vectors.dimension
            unsafe gatheredFloats.withUnsafeMutableBufferPointer { target in
                guard let target = target.baseAddress else { return }
                unsafe vectors.withFloats(Int(row)..<Int(row) + 1, under: kernel.metric) {
                    floats, _ in
                    unsafe (target + place).update(from: floats, count: vectors.dimension)
                }
            }
            gathered.append(row)
        }
    }

    private mutating func takeGathered() {
        guard !gathered.isEmpty else { return }
        let copies = gatheredFloats
        unsafe copies.withUnsafeBufferPointer { copies in
            guard let start = copies.baseAddress else { return }
            unsafe multiply(start, stride: vectors.dimension, count: gathered.count)
        }
        for query in queries.indices {
            collect(gathered, lyingFrom: nil, count: gathered.count, for: query)
            measure(query)
        }
        gathered.removeAll(keepingCapacity: true)
    }

    /// Fills `products`, and `rowLengths` where rows have not all length 1.
    private mutating func multiply(_ rows: UnsafePointer<Float>, stride: Int, count: Int) {
        let dimension = vectors.dimension
        unsafe floats.withUnsafeBufferPointer { floats in
            unsafe products.withUnsafeMutableBufferPointer { products in
                guard let left = floats.baseAddress, let target = products.baseAddress else {
                    return
                }
                unsafe MatrixProduct.dotProducts(
                    of: left, count: queries.count, stride: dimension, with: rows, count: count,
                    stride: stride, dimension: dimension, into: target)
            }
        }
        guard kernel.metric != .cosine else { return }
        let length = DistanceKernel(metric: .dot)
        for place in 0..<count {
            let row = unsafe UnsafeRawPointer(rows + place * stride)
            rowLengths[place] = unsafe (-length.distance(row, row, dimension: dimension))
                .squareRoot()
        }
    }

    /// Finds those of the `candidates` that may be among the nearest of a query. They are places of a
    /// product of `count` rows: by their distance from row `first`, or one after the other.
    private mutating func collect(
        _ candidates: [UInt32], lyingFrom first: Int?, count: Int, for query: Int
    ) {
        ids.removeAll(keepingCapacity: true)
        let bound = nearest[query].farthest?.distance ?? .infinity
        let length = lengths[query]
        let isSquare = kernel.metric == .euclid
        for (index, row) in candidates.enumerated() {
            let place = first.map { Int(row) - $0 } ?? index
            let product = products[query * count + place]
            let sum = length + rowLengths[place]
            let least =
                isSquare
                ? length * length + rowLengths[place] * rowLengths[place] - 2 * product
                    - rounding * sum * sum
                : -product - rounding * length * rowLengths[place]
            // What is no number is measured.
            if least > bound { continue }
            ids.append(row)
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
