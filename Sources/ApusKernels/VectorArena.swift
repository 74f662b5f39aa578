package import ApusCore

/// The vectors of a growing segment: rows that are written once and never move.
///
/// One writer stores rows; readers use rows whose ordinals the writer has published.
package final class VectorArena: Sendable {
    /// The rows, valid while this object lives.
    package let space: VectorSpace
    /// Rows that there is room for.
    package let capacity: Int

    private let memory: ReservedMemory

    package init(
        dimension: Int, element: VectorElement = .float32, capacity: Int
    ) throws(KernelError) {
        let row = VectorSpace.rowByteCount(dimension: dimension, element)
        let (size, overflow) = row.multipliedReportingOverflow(by: capacity)
        guard !overflow else { throw .outOfMemory(byteCount: Int.max) }
        memory = try ReservedMemory(byteCount: size)
        self.capacity = capacity
        unsafe space = VectorSpace(
            base: UnsafeRawPointer(memory.base), dimension: dimension, element: element)
    }

    /// Stores `[dimension]` floats, rounded to components, as row `ordinal`, which was not stored before. The caller has
    /// prepared the vector (`DistanceKernel.prepare`).
    package func store(_ vector: [Float], at ordinal: Int) {
        precondition(ordinal >= 0 && ordinal < capacity, "row \(ordinal) of \(capacity)")
        precondition(
            vector.count == space.dimension,
            "a vector of \(vector.count) floats in a space of \(space.dimension)")
        let row = unsafe UnsafeMutableRawPointer(mutating: space.row(ordinal))
        unsafe vector.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe space.element.encode(start, source.count, into: row)
        }
    }

    /// Stores rows of vectors of the same form: the row `rows[i]` of `source` becomes row i, for each
    /// i of `places`.
    package func store(_ rows: [UInt32], _ places: Range<Int>, of source: VectorSpace) {
        precondition(rows.count <= capacity, "\(rows.count) rows of \(capacity)")
        precondition(
            source.rowByteCount == space.rowByteCount && source.element == space.element,
            "rows of another form")
        for ordinal in places {
            unsafe UnsafeMutableRawPointer(mutating: space.row(ordinal)).copyMemory(
                from: source.row(Int(rows[ordinal])), byteCount: space.rowByteCount)
        }
    }

    /// The first `count` rows as they lie in memory: the vector section of a segment file.
    package func withBytes<R>(
        count: Int, _ body: (UnsafeRawBufferPointer) throws -> R
    ) rethrows -> R {
        precondition(count >= 0 && count <= capacity, "\(count) rows of \(capacity)")
        let size = count * space.rowByteCount
        return try unsafe body(UnsafeRawBufferPointer(start: memory.base, count: size))
    }
}
