internal import ApusKernels

// Spilled assignment: a vector is in a second list, so that it is found where its own is not looked into.
//
// Sun, Simcha, Dopson, Guo, Kumar, "SOAR: Improved Indexing for Approximate Nearest Neighbor Search"
// (2023): a query misses a vector x for its residual r = x - c that points along the query. The second
// centroid c' helps where its residual r' points another way, so it is chosen by |r'|^2 + w (r'.r)^2/|r|^2
// (the paper's theorem 3.1, with w for its lambda). The next nearest centroid, w = 0, saves half as much.
//
// Departures: w is 1 everywhere; the lists are those that k-means gave for single assignment.

extension IVFQuantizer {
    /// The weight of the part of the second residual that is along the first.
    private static let parallelWeight: Float = 1

    /// For each vector another list than its `own`. There are two lists at least.
    func secondLists(
        of points: UnsafePointer<Float>, stride: Int, _ own: [UInt32]
    ) -> [UInt32] {
        let dimension = parameters.dimension
        let width = parameters.listCount
        var products = [Float](repeating: 0, count: own.count * width)
        var alongs = products
        var directions = [Float](repeating: 0, count: own.count * dimension)
        var offsets = [Float](repeating: 0, count: own.count)
        for (row, list) in own.enumerated() {
            var square: Float = 0
            for component in 0..<dimension {
                let value =
                    unsafe points[row * stride + component]
                    - centroids[Int(list) * dimension + component]
                directions[row * dimension + component] = value
                square += value * value
            }
            // A vector that is its centroid has no direction.
            let scale = square > 0 ? 1 / square.squareRoot() : 0
            for component in 0..<dimension {
                directions[row * dimension + component] *= scale
                offsets[row] +=
                    unsafe points[row * stride + component]
                    * directions[row * dimension + component]
            }
        }
        unsafe centroids.withUnsafeBufferPointer { centroids in
            guard let centroids = centroids.baseAddress else { return }
            unsafe products.withUnsafeMutableBufferPointer { products in
                guard let target = products.baseAddress else { return }
                unsafe MatrixProduct.dotProducts(
                    of: points, count: own.count, stride: stride, with: centroids, count: width,
                    stride: dimension, dimension: dimension, into: target)
            }
            unsafe alongs.withUnsafeMutableBufferPointer { alongs in
                unsafe directions.withUnsafeBufferPointer { directions in
                    guard let target = alongs.baseAddress, let left = directions.baseAddress else {
                        return
                    }
                    unsafe MatrixProduct.dotProducts(
                        of: left, count: own.count, stride: dimension, with: centroids,
                        count: width, stride: dimension, dimension: dimension, into: target)
                }
            }
        }
        return own.enumerated().map { row, list in
            var best: UInt32 = list == 0 ? 1 : 0
            var bestValue = Float.infinity
            for other in 0..<width where other != Int(list) {
                let along = offsets[row] - alongs[row * width + other]
                // Half the loss, without |x|^2, which is the same for all.
                let value =
                    halfSquares[other] - products[row * width + other]
                    + Self.parallelWeight / 2 * along * along
                if value < bestValue {
                    bestValue = value
                    best = UInt32(truncatingIfNeeded: other)
                }
            }
            return best
        }
    }
}
