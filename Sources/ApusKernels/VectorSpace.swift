package import ApusCore
private import CApusKernels

/// Rows of vectors in memory that somebody else owns: a growing arena, or the vector section of a
/// mapped segment file.
///
/// Row `i` starts `i * stride` components behind `base` and holds `dimension` of them, followed by
/// zeros up to the stride. The row number is the ordinal of the point in its segment. The owner must
/// keep the memory in place while a copy of this view is in use; a row does not change after it was
/// first searched.
///
/// Only rows of one space, or queries that `DistanceKernel` brought into its form, are compared:
/// pointers to rows say nothing of what is behind them.
@safe
package struct VectorSpace: @unchecked Sendable {
    // Sendable: rows are written once, before the writer publishes their ordinals.
    package let base: UnsafeRawPointer
    /// What a component is.
    package let element: VectorElement
    /// Components from one row to the next.
    package let stride: Int
    /// Bytes from one row to the next.
    package let rowByteCount: Int
    /// Components of a vector.
    package let dimension: Int

    package init(base: UnsafeRawPointer, dimension: Int, element: VectorElement = .float32) {
        unsafe self.base = unsafe base
        self.element = element
        self.stride = Self.stride(dimension: dimension, element)
        self.rowByteCount = stride * element.byteCount
        self.dimension = dimension
    }

    /// The rows of a section of a segment file; nil when `bytes` is not `count` rows (nor longer),
    /// or is not aligned to components.
    package init?(
        section bytes: UnsafeRawBufferPointer, dimension: Int, element: VectorElement = .float32,
        count: Int
    ) {
        guard dimension > 0, count >= 0, let start = bytes.baseAddress else { return nil }
        let row = Self.rowByteCount(dimension: dimension, element)
        guard bytes.count / row >= count else { return nil }
        guard UInt(bitPattern: start) % UInt(element.byteCount) == 0 else { return nil }
        unsafe self.init(base: start, dimension: dimension, element: element)
    }

    /// Components from one row to the next: from a cache line of 64 bytes on whole lines, so that
    /// every row starts on one; below, the next power of two, so that no row crosses a line. It is
    /// part of the format of segment files.
    package static func stride(dimension: Int, _ element: VectorElement = .float32) -> Int {
        let line = 64 / element.byteCount
        if dimension >= line { return (dimension + line - 1) / line * line }
        var stride = 1
        while stride < dimension { stride *= 2 }
        return stride
    }

    /// Bytes from one row to the next.
    package static func rowByteCount(
        dimension: Int, _ element: VectorElement = .float32
    ) -> Int {
        stride(dimension: dimension, element) * element.byteCount
    }

    /// The row's first component. The caller knows that there is such a row.
    package func row(_ ordinal: Int) -> UnsafeRawPointer {
        unsafe base + ordinal * rowByteCount
    }

    /// A copy of a row. The caller knows that there is such a row.
    package func vector(at ordinal: Int) -> [Float] {
        unsafe [Float](unsafeUninitializedCapacity: dimension) { vector, count in
            guard let start = vector.baseAddress else { return }
            unsafe element.decode(row(ordinal), dimension, into: start)
            count = dimension
        }
    }

    /// Lends rows as floats for other arithmetic than that of distances: of length 1 under cosine,
    /// whatever is stored. `body` gets the first, and the floats from one to the next. Rows of floats
    /// are lent where they lie. The caller knows that there are such rows.
    package func withFloats<R>(
        _ rows: Range<Int>, under metric: Metric,
        _ body: (_ floats: UnsafePointer<Float>, _ stride: Int) -> R
    ) -> R {
        if element == .float32 {
            return unsafe body(
                row(rows.lowerBound).assumingMemoryBound(to: Float.self), stride)
        }
        let count = max(1, rows.count * dimension)
        return unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { memory in
            guard let floats = memory.baseAddress else { preconditionFailure("no memory") }
            for (index, ordinal) in rows.enumerated() {
                let place = unsafe floats + index * dimension
                unsafe element.decode(row(ordinal), dimension, into: place)
                if metric == .cosine, element == .uint8 {
                    unsafe DistanceKernel.normalize(place, dimension)
                }
            }
            return unsafe body(floats, dimension)
        }
    }
}

extension VectorElement {
    /// Writes `count` floats as components of this type: the nearest ones (`capus.h`, "Distances of
    /// vectors").
    func encode(
        _ floats: UnsafePointer<Float>, _ count: Int, into row: UnsafeMutableRawPointer
    ) {
        switch self {
        case .float32:
            unsafe row.copyMemory(from: floats, byteCount: count * MemoryLayout<Float>.size)
        case .float16:
            unsafe capus_encode_halves(floats, count, row.assumingMemoryBound(to: UInt16.self))
        case .uint8:
            unsafe capus_encode_bytes(floats, count, row.assumingMemoryBound(to: UInt8.self))
        }
    }

    func decode(
        _ row: UnsafeRawPointer, _ count: Int, into floats: UnsafeMutablePointer<Float>
    ) {
        switch self {
        case .float32:
            unsafe UnsafeMutableRawPointer(floats)
                .copyMemory(from: row, byteCount: count * MemoryLayout<Float>.size)
        case .float16:
            unsafe capus_decode_halves(row.assumingMemoryBound(to: UInt16.self), count, floats)
        case .uint8:
            unsafe capus_decode_bytes(row.assumingMemoryBound(to: UInt8.self), count, floats)
        }
    }

    /// The vector that is stored for `vector`: of the nearest components that there are.
    package func rounded(_ vector: [Float]) -> [Float] {
        guard self != .float32 else { return vector }
        return unsafe withRow(of: vector) { row in
            unsafe [Float](unsafeUninitializedCapacity: vector.count) { floats, count in
                guard let start = floats.baseAddress else { return }
                unsafe decode(row, vector.count, into: start)
                count = vector.count
            }
        }
    }

    /// Lends a vector in the form of the rows that it is compared with.
    func withRow<R>(of vector: [Float], _ body: (UnsafeRawPointer) -> R) -> R {
        unsafe vector.withUnsafeBufferPointer { floats in
            guard let start = floats.baseAddress else { preconditionFailure("an empty vector") }
            if self == .float32 { return unsafe body(UnsafeRawPointer(start)) }
            return unsafe withUnsafeTemporaryAllocation(
                byteCount: max(1, vector.count * byteCount), alignment: 64
            ) { memory in
                guard let row = memory.baseAddress else { preconditionFailure("no memory") }
                unsafe encode(start, vector.count, into: row)
                return unsafe body(UnsafeRawPointer(row))
            }
        }
    }
}
