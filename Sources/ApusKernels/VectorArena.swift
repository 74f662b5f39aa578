/// The vectors of a growing segment: rows that are written once and never move.
///
/// One writer stores rows; readers use rows whose ordinals the writer has published.
package final class VectorArena: Sendable {
    /// The rows, valid while this object lives.
    package let space: VectorSpace
    /// Rows that there is room for.
    package let capacity: Int

    private let memory: ReservedMemory

    package init(dimension: Int, capacity: Int) throws(KernelError) {
        let row = VectorSpace.stride(dimension: dimension) * MemoryLayout<Float>.size
        let (size, overflow) = row.multipliedReportingOverflow(by: capacity)
        guard !overflow else { throw .outOfMemory(byteCount: Int.max) }
        memory = try ReservedMemory(byteCount: size)
        self.capacity = capacity
        unsafe space = VectorSpace(
            base: memory.base.assumingMemoryBound(to: Float.self), dimension: dimension)
    }

    /// Stores `[dimension]` floats as row `ordinal`, which was not stored before. The caller has
    /// prepared the vector (`DistanceKernel.prepare`).
    package func store(_ vector: [Float], at ordinal: Int) {
        precondition(ordinal >= 0 && ordinal < capacity, "row \(ordinal) of \(capacity)")
        precondition(
            vector.count == space.dimension,
            "a vector of \(vector.count) floats in a space of \(space.dimension)")
        let row = unsafe UnsafeMutablePointer(mutating: space.row(ordinal))
        unsafe vector.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe row.update(from: start, count: source.count)
        }
    }

    /// The first `count` rows as they lie in memory: the vector section of a segment file.
    package func withBytes<R>(
        count: Int, _ body: (UnsafeRawBufferPointer) throws -> R
    ) rethrows -> R {
        precondition(count >= 0 && count <= capacity, "\(count) rows of \(capacity)")
        let size = count * space.stride * MemoryLayout<Float>.size
        return try unsafe body(UnsafeRawBufferPointer(start: memory.base, count: size))
    }
}
