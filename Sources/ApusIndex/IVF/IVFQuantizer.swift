package import ApusCore
package import ApusKernels

/// What an IVF-PQ index learns from its vectors: the centroids of its lists, and for each part of a
/// product code the codewords of residuals. Immutable once trained.
///
/// Jégou, Douze, Schmid, "Product quantization for nearest neighbor search" (2011), section IV: a
/// vector is its list's centroid c and a residual r, of which the parts' codes are kept.
package final class IVFQuantizer: Sendable {
    package let parameters: IVFParameters
    /// `[listCount × dimension]`.
    let centroids: [Float]
    /// Half the squared length of each centroid.
    let halfSquares: [Float]
    /// For each part its codewords, component by component: 16 or 256 floats for each.
    let codewords: [Float]
    /// The mean squared length of the residuals that it was trained on.
    package let trainingError: Float

    init(
        parameters: IVFParameters, centroids: [Float], codewords: [Float], trainingError: Float
    ) {
        precondition(centroids.count == parameters.listCount * parameters.dimension)
        precondition(codewords.count == parameters.codewordCount * parameters.dimension)
        self.parameters = parameters
        self.centroids = centroids
        self.codewords = codewords
        self.trainingError = trainingError
        halfSquares = KMeans.halfSquares(of: centroids, dimension: parameters.dimension)
    }

    // MARK: Training

    /// Vectors that centroids are learned from, for each list.
    private static let samplesPerList = 48
    /// Residuals that codewords are learned from, for each codeword.
    private static let samplesPerCodeword = 256
    private static let iterations = 8

    /// Learns from a sample of the `rows` of `vectors`: 48 for each list and 256 for each codeword
    /// at most. With fewer rows than lists there are as many lists as rows; none gives one list.
    ///
    /// The same rows give the same quantizer on any number of threads.
    /// O(8 × 48 × listCount² × dimension).
    package static func trained(
        _ wanted: IVFParameters, on rows: [UInt32], of vectors: VectorSpace, pool: WorkerPool
    ) -> IVFQuantizer {
        let dimension = vectors.dimension
        let sample = sample(
            max(wanted.listCount * samplesPerList, wanted.codewordCount * samplesPerCodeword),
            of: rows)
        let listCount = min(wanted.listCount, max(1, sample.count))
        let parameters = IVFParameters(
            listCount: listCount, partCount: wanted.partCount, bits: wanted.bits,
            listsPerRow: wanted.listsPerRow, metric: wanted.metric, dimension: dimension)
        var points: [Float] = []
        points.reserveCapacity(sample.count * dimension)
        for row in sample {
            unsafe vectors.withFloats(Int(row)..<Int(row) + 1, under: wanted.metric) { floats, _ in
                unsafe points.append(
                    contentsOf: UnsafeBufferPointer(start: floats, count: dimension))
            }
        }
        if points.isEmpty { points = Array(repeating: 0, count: dimension) }
        let used = min(points.count, listCount * samplesPerList * dimension)
        let centroids = KMeans(
            count: listCount, dimension: dimension, iterations: iterations, seed: 1
        ).centroids(of: Array(points[..<used]), pool: pool)
        let residuals = residuals(
            of: Array(points.prefix(wanted.codewordCount * samplesPerCodeword * dimension)),
            centroids, dimension, pool)
        let error =
            residuals.reduce(0) { $0 + Double($1 * $1) } / Double(residuals.count / dimension)
        return IVFQuantizer(
            parameters: parameters, centroids: centroids,
            codewords: codewords(of: residuals, parameters, pool), trainingError: Float(error))
    }

    /// At most `count` of the rows, in random order that is always the same.
    private static func sample(_ count: Int, of rows: [UInt32]) -> [UInt32] {
        var rows = rows
        var random = SplitMix(seed: 2)
        let count = min(count, rows.count)
        for index in 0..<count {
            rows.swapAt(index, index + Int(random.next() % UInt64(rows.count - index)))
        }
        return Array(rows.prefix(count))
    }

    private static func residuals(
        of points: [Float], _ centroids: [Float], _ dimension: Int, _ pool: WorkerPool
    ) -> [Float] {
        let lists = KMeans.nearest(
            to: points, centroids: centroids, dimension: dimension, pool: pool)
        var residuals = points
        for (row, list) in lists.enumerated() {
            for component in 0..<dimension {
                residuals[row * dimension + component] -=
                    centroids[Int(list) * dimension + component]
            }
        }
        return residuals
    }

    private static func codewords(
        of residuals: [Float], _ parameters: IVFParameters, _ pool: WorkerPool
    ) -> [Float] {
        let dimension = parameters.dimension
        let count = parameters.codewordCount
        let parts = pool.map(iterations: parameters.partCount) { part -> [Float] in
            let components = parameters.components(ofPart: part)
            let width = components.count
            guard width > 0 else { return [] }
            var points: [Float] = []
            points.reserveCapacity(residuals.count / dimension * width)
            for row in 0..<residuals.count / dimension {
                let start = row * dimension
                points += residuals[start + components.lowerBound..<start + components.upperBound]
            }
            var found = KMeans(
                count: count, dimension: width, iterations: iterations, seed: UInt64(part)
            ).smallCentroids(of: points)
            // Fewer points than codewords: the rest repeat the first.
            while found.count < count * width { found += found.prefix(width) }
            return (0..<width).flatMap { component in
                (0..<count).map { found[$0 * width + component] }
            }
        }
        return parts.flatMap(\.self)
    }

    // MARK: Coding

    /// The list that each vector belongs to.
    func lists(
        of points: UnsafePointer<Float>, stride: Int, count: Int
    ) -> [UInt32] {
        unsafe KMeans.nearest(
            to: points, stride: stride, count: count, centroids: centroids, halves: halfSquares,
            dimension: parameters.dimension)
    }

    /// The mean squared distance of rows from their lists' centroids; 0 for none.
    package func error(of rows: [UInt32], in vectors: VectorSpace) -> Float {
        var sum = 0.0
        for row in rows {
            unsafe vectors.withFloats(Int(row)..<Int(row) + 1, under: parameters.metric) {
                floats, stride in
                let list = unsafe lists(of: floats, stride: stride, count: 1).first ?? 0
                let start = Int(list) * parameters.dimension
                for component in 0..<parameters.dimension {
                    let difference = unsafe floats[component] - centroids[start + component]
                    sum += Double(difference * difference)
                }
            }
        }
        return rows.isEmpty ? 0 : Float(sum / Double(rows.count))
    }

    /// Codes a vector of a list into `codes`, a byte for each part; returns its term: |r̂|² + 2 c·r̂,
    /// by which its distance is |q − c|² − 2 q·r̂ + the term. `residual` is scratch, `[dimension]`.
    func encode(
        _ vector: UnsafePointer<Float>, list: Int, into codes: UnsafeMutablePointer<UInt8>,
        residual: UnsafeMutablePointer<Float>
    ) -> Float {
        let dimension = parameters.dimension
        let count = parameters.codewordCount
        return unsafe centroids.withUnsafeBufferPointer { centroids in
            unsafe codewords.withUnsafeBufferPointer { codewords in
                guard let centroids = centroids.baseAddress, let words = codewords.baseAddress
                else { return 0 }
                let centroid = unsafe centroids + list * dimension
                for component in 0..<dimension {
                    unsafe residual[component] = vector[component] - centroid[component]
                }
                var term: Float = 0
                for part in 0..<parameters.partCount {
                    let components = parameters.components(ofPart: part)
                    let start = components.lowerBound
                    let code = unsafe ProductCodeKernel.nearest(
                        residual + start, width: components.count, codewords: words + start * count,
                        count: count)
                    unsafe codes[part] = UInt8(truncatingIfNeeded: code)
                    for component in components {
                        let word = unsafe words[component * count + code]
                        term += unsafe word * (word + 2 * centroid[component])
                    }
                }
                return term
            }
        }
    }

    /// What each codeword of each part adds to the distance from `query`: `[partCount × 16 or 256]`.
    func tables(_ query: UnsafePointer<Float>, into tables: UnsafeMutablePointer<Float>) {
        let count = parameters.codewordCount
        let factor: Float = parameters.metric == .euclid ? -2 : -1
        unsafe codewords.withUnsafeBufferPointer { codewords in
            guard let words = codewords.baseAddress else { return }
            for part in 0..<parameters.partCount {
                let table = unsafe tables + part * count
                for code in 0..<count { unsafe table[code] = 0 }
                for component in parameters.components(ofPart: part) {
                    let weight = unsafe factor * query[component]
                    let row = unsafe words + component * count
                    for code in 0..<count { unsafe table[code] += weight * row[code] }
                }
            }
        }
    }
}
