internal import ApusCore
internal import ApusKernels

/// Rows of one element type in memory, and the kernels that measure a query against them.
///
/// Another element type is one more conforming class, and one more name in `KernelBench.elements`.
protocol KernelRows: AnyObject, SendableMetatype {
    /// In the output: `float32`.
    static var element: String { get }
    /// From one row to the next.
    static func byteStride(dimension: Int) -> Int

    /// Row i is `pool[i % pool.count]`.
    init(dimension: Int, count: Int, pool: [[Float]]) throws(KernelError)

    /// The kernels of a metric at a level; nil where there are none.
    func kernels(_ metric: Metric, _ level: SIMDLevel) -> KernelCalls?
    /// All rows as they lie in memory.
    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R
}

/// The two forms of a kernel, for one query against the rows.
@safe struct KernelCalls {
    /// `(ids, count, distances)`.
    let toIDs: (UnsafePointer<UInt32>, Int, UnsafeMutablePointer<Float>) -> Void
    /// `(first row, count, distances)`.
    let toRange: (Int, Int, UnsafeMutablePointer<Float>) -> Void
}

/// Vectors as they are stored.
class VectorRows: KernelRows {
    class var components: VectorElement { .float32 }
    static var element: String { components.rawValue }
    private let arena: VectorArena
    private let count: Int

    static func byteStride(dimension: Int) -> Int {
        VectorSpace.rowByteCount(dimension: dimension, components)
    }

    required init(dimension: Int, count: Int, pool: [[Float]]) throws(KernelError) {
        let element = Self.components
        let pool = element == .uint8 ? pool.map { $0.map { ($0 + 1) * 127.5 } } : pool
        arena = try VectorArena(dimension: dimension, element: element, capacity: count)
        for row in 0..<count { arena.store(pool[row % pool.count], at: row) }
        self.count = count
    }

    func kernels(_ metric: Metric, _ level: SIMDLevel) -> KernelCalls? {
        let element = arena.space.element
        // Cosine is the dot product of vectors of length 1, which there are none of in bytes.
        guard level.isSupported, metric != .cosine || element == .uint8 else { return nil }
        let kernel = DistanceKernel(metric: metric, element: element, level: level)
        // Any row will do as a query.
        return unsafe KernelCalls(
            toIDs: { [arena] ids, count, distances in
                unsafe kernel.distances(
                    from: arena.space.row(0), to: ids, count: count, in: arena.space,
                    into: distances)
            },
            toRange: { [arena] start, count, distances in
                unsafe kernel.distances(
                    from: arena.space.row(0), toRowsFrom: start, count: count,
                    in: arena.space, into: distances)
            })
    }

    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        unsafe arena.withBytes(count: count) { unsafe body($0) }
    }
}

final class HalfRows: VectorRows {
    override class var components: VectorElement { .float16 }
}

final class ByteRows: VectorRows {
    override class var components: VectorElement { .uint8 }
}

/// 8-bit codes with a scale and an offset a row.
@safe
final class CodeRows: KernelRows {
    static let element = "codes8"
    private let arena: CodeArena
    /// The query's codes, which its `CodeQuery` points to.
    private let memory: UnsafeMutablePointer<Int8>
    private let query: CodeQuery
    private let count: Int

    static func byteStride(dimension: Int) -> Int { CodeSpace.stride(dimension: dimension) }

    init(dimension: Int, count: Int, pool: [[Float]]) throws(KernelError) {
        let arena = try CodeArena(
            dimension: dimension, capacity: count, isFilledAtOnce: true)
        for row in 0..<count {
            unsafe pool[row % pool.count].withUnsafeBufferPointer { vector in
                guard let vector = vector.baseAddress else { return }
                unsafe arena.store(vector, at: row)
            }
        }
        unsafe memory = .allocate(capacity: CodeQuery.byteCount(dimension: dimension))
        unsafe query = CodeQuery(row: 0, of: arena.space, codes: memory)
        self.arena = arena
        self.count = count
    }

    deinit { unsafe memory.deallocate() }

    func kernels(_ metric: Metric, _ level: SIMDLevel) -> KernelCalls? {
        guard level.isSupported, metric != .cosine,
            let kernel = CodeKernel(metric: metric, level: level)
        else { return nil }
        return unsafe KernelCalls(
            toIDs: { [self] ids, count, distances in
                unsafe kernel.distances(
                    from: query, to: ids, count: count, in: arena.space, into: distances)
            },
            toRange: { [self] start, count, distances in
                unsafe kernel.distances(
                    from: query, toRowsFrom: start, count: count, in: arena.space,
                    into: distances)
            })
    }

    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        unsafe arena.withBytes(count: count) { unsafe body($0) }
    }
}
