internal import ApusCore
internal import ApusKernels

/// k-means clustering by squared L2: Lloyd's algorithm ("Least squares quantization in PCM", 1982)
/// from seeds by k-means++ (Arthur & Vassilvitskii, 2007).
///
/// Departures: seeds are chosen among a bounded number of points, which is what k-means++ costs most
/// for; a cluster that loses its last point takes half of the largest one (its centroid is the
/// other's, moved by a hair to one side while the other moves to the other side). The same points
/// and seed give the same centroids on any number of threads.
struct KMeans: Sendable {
    /// Points that seeds are chosen among, for each centroid, and in all.
    private static let seedCandidates = 8
    private static let seedCandidatesMax = 32_768
    /// Rows of a block that one thread takes.
    private static let blockSize = 256

    let count: Int
    let dimension: Int
    let iterations: Int
    let seed: UInt64

    /// `[count × dimension]` centroids of `points`, which are rows of `dimension` floats, in random
    /// order, as many as centroids or more. O(iterations × points × count × dimension).
    func centroids(of points: [Float], pool: WorkerPool) -> [Float] {
        let pointCount = points.count / dimension
        guard pointCount > count else { return Array(points.prefix(count * dimension)) }
        var centroids = seeds(among: points)
        for _ in 0..<iterations {
            let assignment = Self.nearest(
                to: points, centroids: centroids, dimension: dimension, pool: pool)
            centroids = means(of: points, assignment)
        }
        return centroids
    }

    /// For each row of `points` the nearest centroid, the first of equals.
    static func nearest(
        to points: [Float], centroids: [Float], dimension: Int, pool: WorkerPool
    ) -> [UInt32] {
        let pointCount = points.count / dimension
        let halves = halfSquares(of: centroids, dimension: dimension)
        let blocks = (pointCount + blockSize - 1) / blockSize
        return pool.map(iterations: blocks) { block -> [UInt32] in
            let first = block * blockSize
            let rows = min(blockSize, pointCount - first)
            return unsafe points.withUnsafeBufferPointer { points in
                guard let start = points.baseAddress else { return [] }
                return unsafe nearest(
                    to: start + first * dimension, stride: dimension, count: rows,
                    centroids: centroids, halves: halves, dimension: dimension)
            }
        }.flatMap(\.self)
    }

    /// Half the squared length of each row.
    static func halfSquares(of rows: [Float], dimension: Int) -> [Float] {
        (0..<rows.count / dimension).map { row in
            rows[row * dimension..<(row + 1) * dimension].reduce(0) { $0 + $1 * $1 } / 2
        }
    }

    /// |x − c|² / 2 = |x|² / 2 − x·c + |c|² / 2, of which the first does not matter here.
    static func nearest(
        to points: UnsafePointer<Float>, stride: Int, count: Int, centroids: [Float],
        halves: [Float], dimension: Int
    ) -> [UInt32] {
        let width = halves.count
        var products = [Float](repeating: 0, count: count * width)
        return unsafe products.withUnsafeMutableBufferPointer { products in
            unsafe centroids.withUnsafeBufferPointer { centroids in
                unsafe halves.withUnsafeBufferPointer { halves -> [UInt32] in
                    guard let out = products.baseAddress, let right = centroids.baseAddress else {
                        return []
                    }
                    unsafe MatrixProduct.dotProducts(
                        of: points, count: count, stride: stride, with: right, count: width,
                        stride: dimension, dimension: dimension, into: out)
                    return (0..<count).map { row in
                        var best: UInt32 = 0
                        var bestValue = -Float.infinity
                        for centroid in 0..<width {
                            let value = unsafe out[row * width + centroid] - halves[centroid]
                            if value > bestValue {
                                bestValue = value
                                best = UInt32(truncatingIfNeeded: centroid)
                            }
                        }
                        return best
                    }
                }
            }
        }
    }

    /// k-means++: each seed is drawn with the square of the distance to the nearest one so far.
    func seeds(among points: [Float]) -> [Float] {
        let kernel = DistanceKernel(metric: .euclid)
        var random = SplitMix(seed: seed)
        let wanted = max(count, min(count * Self.seedCandidates, Self.seedCandidatesMax))
        let candidates = min(points.count / dimension, wanted)
        var distances = [Float](repeating: .infinity, count: candidates)
        var seeds: [Float] = []
        seeds.reserveCapacity(count * dimension)
        var chosen = 0
        while true {
            let row = points[chosen * dimension..<(chosen + 1) * dimension]
            seeds.append(contentsOf: row)
            if seeds.count == count * dimension { return seeds }
            var sum = 0.0
            unsafe points.withUnsafeBufferPointer { points in
                guard let start = points.baseAddress else { return }
                for candidate in 0..<candidates {
                    let distance = unsafe kernel.distance(
                        start + chosen * dimension, start + candidate * dimension,
                        dimension: dimension)
                    distances[candidate] = min(distances[candidate], distance)
                    sum += Double(distances[candidate])
                }
            }
            var target = random.nextUnit() * sum
            chosen = seeds.count / dimension % candidates
            for candidate in 0..<candidates where distances[candidate] > 0 {
                target -= Double(distances[candidate])
                if target <= 0 {
                    chosen = candidate
                    break
                }
            }
        }
    }

    func means(of points: [Float], _ assignment: [UInt32]) -> [Float] {
        var sums = [Float](repeating: 0, count: count * dimension)
        var counts = [Int](repeating: 0, count: count)
        unsafe points.withUnsafeBufferPointer { points in
            unsafe sums.withUnsafeMutableBufferPointer { sums in
                guard let from = points.baseAddress, let to = sums.baseAddress else { return }
                for (row, cluster) in assignment.enumerated() {
                    counts[Int(cluster)] += 1
                    let source = unsafe from + row * dimension
                    let target = unsafe to + Int(cluster) * dimension
                    for component in 0..<dimension {
                        unsafe target[component] += source[component]
                    }
                }
            }
        }
        for cluster in 0..<count where counts[cluster] > 0 {
            let scale = 1 / Float(counts[cluster])
            for place in cluster * dimension..<(cluster + 1) * dimension { sums[place] *= scale }
        }
        for empty in 0..<count where counts[empty] == 0 {
            split(into: empty, &sums, &counts)
        }
        return sums
    }

    /// Gives an empty cluster half of the largest one.
    private func split(into empty: Int, _ centroids: inout [Float], _ counts: inout [Int]) {
        var largest = 0
        for cluster in 0..<count where counts[cluster] > counts[largest] { largest = cluster }
        for component in 0..<dimension {
            let value = centroids[largest * dimension + component]
            let hair = max(abs(value), 1e-12) / 1024 * (component % 2 == 0 ? 1 : -1)
            centroids[empty * dimension + component] = value + hair
            centroids[largest * dimension + component] = value - hair
        }
        counts[empty] = counts[largest] / 2
        counts[largest] -= counts[empty]
    }
}

/// Random numbers that depend on their seed only (SplitMix64: Steele, Lea, Flood, 2014).
struct SplitMix {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    /// In 0..<1.
    mutating func nextUnit() -> Double { Double(next() >> 11) / Double(1 << 53 as UInt64) }
}

// MARK: - Few components

extension KMeans {
    /// As `centroids`, for points of few components, on the calling thread.
    func smallCentroids(of points: [Float]) -> [Float] {
        let pointCount = points.count / dimension
        guard pointCount > count else { return Array(points.prefix(count * dimension)) }
        var centroids = seeds(among: points)
        for _ in 0..<iterations {
            // Component by component, as the kernel wants them.
            let columns = (0..<dimension).flatMap { component in
                (0..<count).map { centroids[$0 * dimension + component] }
            }
            let assignment = unsafe points.withUnsafeBufferPointer { points in
                unsafe columns.withUnsafeBufferPointer { columns -> [UInt32] in
                    guard let start = points.baseAddress, let words = columns.baseAddress else {
                        return []
                    }
                    return (0..<pointCount).map { row in
                        UInt32(
                            truncatingIfNeeded: unsafe ProductCodeKernel.nearest(
                                start + row * dimension, width: dimension, codewords: words,
                                count: count))
                    }
                }
            }
            centroids = means(of: points, assignment)
        }
        return centroids
    }
}
