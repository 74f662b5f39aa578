package import ApusCore

/// A few vectors side by side as kernels read rows, in memory that is used again for the next ones.
@safe
package struct VectorBlock {
    private let dimension: Int
    private let element: VectorElement
    /// Whole words, so that rows of any element are aligned; zeros behind each vector.
    private var memory: [UInt64] = []
    private var floats: [Float]
    private var distances: [Float] = []

    package init(dimension: Int, element: VectorElement) {
        self.dimension = dimension
        self.element = element
        floats = Array(repeating: 0, count: dimension)
    }

    /// Takes the vectors of `bytes`: floats as they lie on disk, `[count, dimension]`, at any
    /// alignment; bytes behind the last whole vector are left alone.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) {
        let size = dimension * MemoryLayout<Float>.size
        let count = size == 0 ? 0 : bytes.count / size
        let rowByteCount = VectorSpace.rowByteCount(dimension: dimension, element)
        let wordCount = (count * rowByteCount + 7) / 8
        if memory.count < wordCount {
            memory.append(contentsOf: repeatElement(0, count: wordCount - memory.count))
        }
        distances.removeAll(keepingCapacity: true)
        distances.append(contentsOf: repeatElement(0, count: count))
        unsafe memory.withUnsafeMutableBytes { memory in
            unsafe floats.withUnsafeMutableBufferPointer { floats in
                guard let rows = memory.baseAddress, let start = floats.baseAddress else { return }
                for index in 0..<count {
                    unsafe UnsafeMutableRawBufferPointer(floats).copyMemory(
                        from: UnsafeRawBufferPointer(
                            rebasing: bytes[index * size..<(index + 1) * size]))
                    unsafe element.encode(start, dimension, into: rows + index * rowByteCount)
                }
            }
        }
    }

    /// The distance of the nearest vector to a prepared query; nil: there are none.
    package mutating func nearest(to query: [Float], by kernel: DistanceKernel) -> Float? {
        precondition(query.count == dimension && kernel.element == element)
        guard !distances.isEmpty else { return nil }
        let count = distances.count
        unsafe kernel.withForms(of: query) { _, query in
            unsafe memory.withUnsafeBytes { memory in
                unsafe distances.withUnsafeMutableBufferPointer { distances in
                    guard let rows = memory.baseAddress, let target = distances.baseAddress else {
                        return
                    }
                    unsafe kernel.distances(
                        from: query, toRowsFrom: 0, count: count,
                        in: VectorSpace(base: rows, dimension: dimension, element: element),
                        into: target)
                }
            }
        }
        return distances.min()
    }
}
