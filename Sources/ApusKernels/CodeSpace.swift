private import CApusKernels

/// Rows of 8-bit codes in memory that somebody else owns: a growing arena, or the codes section of a
/// mapped segment file.
///
/// A row is a vector as one byte a component, with a scale and an offset of its own
/// (`capus.h`, "Distances of 8-bit codes"): a head of `headByteCount` bytes, the codes, and zeros up
/// to the stride. A vector's error is at most half its scale in each component. Row i belongs to
/// ordinal i, as in `VectorSpace`; the same rules hold for its memory.
@safe
package struct CodeSpace: @unchecked Sendable {
    // Sendable: rows are written once, before the writer publishes their ordinals.
    package let base: UnsafePointer<UInt8>
    /// Bytes from one row to the next.
    package let stride: Int
    /// Components of a vector.
    package let dimension: Int

    package static let headByteCount = Int(capus_code_head_size)

    /// Rows start at multiples of 16 bytes. It is part of the format of segment files.
    package static func stride(dimension: Int) -> Int {
        (headByteCount + dimension + 15) / 16 * 16
    }

    package init(base: UnsafePointer<UInt8>, dimension: Int) {
        unsafe self.base = unsafe base
        stride = Self.stride(dimension: dimension)
        self.dimension = dimension
    }

    /// The rows of a section of a segment file; nil when `bytes` is not `count` rows.
    package init?(section bytes: UnsafeRawBufferPointer, dimension: Int, count: Int) {
        guard dimension > 0, count >= 0, let start = bytes.baseAddress else { return nil }
        let (size, overflow) = count.multipliedReportingOverflow(
            by: Self.stride(dimension: dimension))
        guard !overflow, bytes.count == size else { return nil }
        unsafe self.init(
            base: start.assumingMemoryBound(to: UInt8.self), dimension: dimension)
    }

    /// The row's first byte. The caller knows that there is such a row.
    package func row(_ ordinal: Int) -> UnsafePointer<UInt8> { unsafe base + ordinal * stride }

    /// Whether a row is what `CodeArena.store` makes of `[dimension]` floats.
    package func hasRow(_ ordinal: Int, of vector: UnsafePointer<Float>) -> Bool {
        let expected = unsafe [UInt8](unsafeUninitializedCapacity: stride) { row, count in
            guard let start = row.baseAddress else { return }
            unsafe capus_encode_row(vector, dimension, start)
            count = Self.headByteCount + dimension
        }
        return unsafe expected.elementsEqual(
            UnsafeBufferPointer(start: row(ordinal), count: expected.count))
    }

    /// The vector that a row stands for. The caller knows that there is such a row.
    package func vector(at ordinal: Int) -> [Float] {
        unsafe [Float](unsafeUninitializedCapacity: dimension) { vector, count in
            guard let start = vector.baseAddress else { return }
            unsafe capus_decode_row(row(ordinal), dimension, start)
            count = dimension
        }
    }
}

/// The codes of a growing segment, or of a file that has none: rows that are written once and never
/// move. One writer; readers use rows whose ordinals the writer has published.
package final class CodeArena: Sendable {
    /// The rows, valid while this object lives.
    package let space: CodeSpace
    /// Rows that there is room for.
    package let capacity: Int

    private let memory: ReservedMemory

    /// With `isFilledAtOnce`, every row will be stored soon.
    package init(
        dimension: Int, capacity: Int, isFilledAtOnce: Bool = false
    ) throws(KernelError) {
        let (size, overflow) = CodeSpace.stride(dimension: dimension)
            .multipliedReportingOverflow(by: capacity)
        guard !overflow else { throw .outOfMemory(byteCount: Int.max) }
        memory = try ReservedMemory(byteCount: size, isFilledAtOnce: isFilledAtOnce)
        self.capacity = capacity
        unsafe space = CodeSpace(
            base: memory.base.assumingMemoryBound(to: UInt8.self), dimension: dimension)
    }

    /// Codes `[dimension]` finite floats as row `ordinal`, which was not stored before. The same
    /// floats give the same bytes on every machine.
    package func store(_ vector: UnsafePointer<Float>, at ordinal: Int) {
        precondition(ordinal >= 0 && ordinal < capacity, "row \(ordinal) of \(capacity)")
        unsafe capus_encode_row(
            vector, space.dimension, UnsafeMutablePointer(mutating: space.row(ordinal)))
    }

    /// Codes a row of `vectors`, which are not bytes, as the same row.
    package func store(_ ordinal: Int, of vectors: VectorSpace) {
        // Of all but bytes floats are what is stored, under any metric.
        unsafe vectors.withFloats(ordinal..<ordinal + 1, under: .dot) { floats, _ in
            unsafe store(floats, at: ordinal)
        }
    }

    /// Stores rows of codes of the same vectors: the row `rows[i]` of `source` becomes row i, for each
    /// i of `places`.
    package func store(_ rows: [UInt32], _ places: Range<Int>, of source: CodeSpace) {
        precondition(rows.count <= capacity, "\(rows.count) rows of \(capacity)")
        precondition(source.dimension == space.dimension, "rows of another form")
        for ordinal in places {
            unsafe UnsafeMutablePointer(mutating: space.row(ordinal)).update(
                from: source.row(Int(rows[ordinal])), count: space.stride)
        }
    }

    /// The first `count` rows as they lie in memory: the codes section of a segment file.
    package func withBytes<R>(
        count: Int, _ body: (UnsafeRawBufferPointer) throws -> R
    ) rethrows -> R {
        precondition(count >= 0 && count <= capacity, "\(count) rows of \(capacity)")
        return try unsafe body(
            UnsafeRawBufferPointer(start: memory.base, count: count * space.stride))
    }
}
