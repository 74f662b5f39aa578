package import ApusCore
package import ApusKernels
internal import Synchronization

/// Vectors in lists by their nearest centroid, as product codes: a tenth to a fifteenth of their bytes, and
/// exact answers as long as the vectors themselves can be read.
///
/// Immutable: the rows of a sealed segment. Vectors that are written later are in other segments and
/// come in when segments are merged, with the quantizer that is there (`IVFQuantizer`); deleted ones
/// are left out by their marks until then.
///
/// Layout: the vectors of a list lie together, in the order of their rows; spilled, each is in two lists. `starts` are the places
/// where lists begin, `rows` the row at each place. Lists of 4-bit codes begin at whole blocks of
/// 32 places; the last block of a list has places without a row (`noRow`).
@safe
package final class IVFIndex: Sendable {
    package let quantizer: IVFQuantizer
    package let vectors: VectorSpace
    /// Rows that were looked at; those without a vector are in no list.
    package let rowCount: Int

    let storage: Storage
    let centroidSpace: VectorArena
    /// Of centroids, which are floats.
    let centroidKernel: DistanceKernel
    /// Of the vectors.
    let kernel: DistanceKernel
    let codeKernel = ProductCodeKernel()
    let scratch = IVFScratchPool()
    private let owner: (any AnyObject & Sendable)?
    private let curve = Mutex<RecallCurve?>(nil)

    package static var noRow: UInt32 { .max }

    package var parameters: IVFParameters { quantizer.parameters }

    /// What recall to expect of searches; nil until it was measured (`measureRecall`), or read from
    /// a file in which it was.
    package var recallCurve: RecallCurve? {
        get { curve.withLock { $0 } }
        set { curve.withLock { $0 = newValue } }
    }

    /// Candidates that are measured by their vectors, for `k` neighbours: product codes seldom put
    /// one of these behind so many others.
    package static func candidates(k: Int) -> Int {
        let (times, overflow) = max(0, k).multipliedReportingOverflow(by: 6)
        return overflow ? k : max(times, times &+ 40)
    }

    init(
        quantizer: IVFQuantizer, vectors: VectorSpace, rowCount: Int, storage: Storage,
        owner: (any AnyObject & Sendable)?
    ) throws(KernelError) {
        self.quantizer = quantizer
        self.vectors = vectors
        self.rowCount = rowCount
        self.storage = storage
        self.owner = owner
        let parameters = quantizer.parameters
        centroidKernel = DistanceKernel(metric: parameters.metric)
        kernel = DistanceKernel(metric: parameters.metric, element: vectors.element)
        centroidSpace = try VectorArena(
            dimension: parameters.dimension, capacity: parameters.listCount)
        for list in 0..<parameters.listCount {
            let start = list * parameters.dimension
            centroidSpace.store(
                Array(quantizer.centroids[start..<start + parameters.dimension]), at: list)
        }
    }

    /// The flat arrays, in memory of their own or in a mapped file.
    @safe
    struct Storage: @unchecked Sendable {
        // Sendable: nothing is written after the index was made.
        /// `[listCount + 1]` places.
        let starts: UnsafePointer<UInt64>
        /// `[places]`.
        let rows: UnsafePointer<UInt32>
        /// `[places]`; nil: distances need none.
        let terms: UnsafePointer<Float>?
        /// `[places × partCount / 2]` or, with 8 bits, `[places × partCount]`.
        let codes: UnsafePointer<UInt8>
        let placeCount: Int
        let memory: [ReservedMemory]
    }

    /// Places that hold the codes of a list of so many vectors.
    static func places(ofList count: Int, bits: Int) -> Int {
        let block = bits == 4 ? ProductCodeKernel.blockCount : 1
        return (count + block - 1) / block * block
    }

    /// Bytes of codes of one vector.
    static func codeByteCount(_ parameters: IVFParameters) -> Int {
        parameters.partCount * parameters.bits / 8
    }

    /// Bytes of everything but the vectors.
    package var byteCount: Int {
        let parameters = parameters
        let place = 4 + (parameters.hasTerms ? 4 : 0) + Self.codeByteCount(parameters)
        return storage.placeCount * place + (parameters.listCount + 1) * 8
            + (quantizer.centroids.count + quantizer.codewords.count) * 4
    }

    // MARK: Building

    /// Rows that one thread codes at a time.
    private static let blockSize = 256

    /// An index of those of the first `rowCount` rows of `vectors` that are present. `owner` is kept
    /// alive as long as the index. O(rows × lists × dimension), twice that when it is spilled.
    package static func build(
        _ quantizer: IVFQuantizer, vectors: VectorSpace, rowCount: Int,
        isPresent: @escaping @Sendable (Int) -> Bool = { _ in true },
        owner: (any AnyObject & Sendable)? = nil, pool: WorkerPool
    ) throws(KernelError) -> IVFIndex {
        let parameters = quantizer.parameters
        let blocks = (rowCount + blockSize - 1) / blockSize
        let spills = parameters.listsPerRow > 1 && parameters.listCount > 1
        let lists = pool.map(iterations: blocks) { block -> (own: [UInt32], second: [UInt32]) in
            let first = block * blockSize
            let count = min(blockSize, rowCount - first)
            return unsafe vectors.withFloats(first..<first + count, under: parameters.metric) {
                floats, stride in
                let own = unsafe quantizer.lists(of: floats, stride: stride, count: count)
                let second =
                    spills ? unsafe quantizer.secondLists(of: floats, stride: stride, own) : []
                return (own, second)
            }
        }
        var members = [[UInt32]](repeating: [], count: parameters.listCount)
        for row in 0..<rowCount where isPresent(row) {
            let (own, second) = lists[row / blockSize]
            members[Int(own[row % blockSize])].append(UInt32(truncatingIfNeeded: row))
            if spills {
                members[Int(second[row % blockSize])].append(UInt32(truncatingIfNeeded: row))
            }
        }
        var starts: [UInt64] = [0]
        var placeCount = 0
        for list in members {
            placeCount += places(ofList: list.count, bits: parameters.bits)
            starts.append(UInt64(placeCount))
        }
        let storage = try Storage(
            copying: starts, placeCount: placeCount, parameters: parameters)
        let filled = members
        pool.perform(iterations: parameters.listCount) { list in
            storage.fill(list, with: filled[list], quantizer, vectors)
        }
        return try IVFIndex(
            quantizer: quantizer, vectors: vectors, rowCount: rowCount, storage: storage,
            owner: owner)
    }
}

extension IVFIndex.Storage {
    /// Memory for so many places, to be filled list by list.
    init(
        copying listStarts: [UInt64], placeCount: Int, parameters: IVFParameters
    ) throws(KernelError) {
        let startMemory = try ReservedMemory(byteCount: listStarts.count * 8)
        let rowMemory = try ReservedMemory(byteCount: placeCount * 4, isFilledAtOnce: true)
        let codeMemory = try ReservedMemory(
            byteCount: placeCount * IVFIndex.codeByteCount(parameters), isFilledAtOnce: true)
        let termMemory =
            parameters.hasTerms
            ? try ReservedMemory(byteCount: placeCount * 4, isFilledAtOnce: true) : nil
        let places = unsafe startMemory.base.assumingMemoryBound(to: UInt64.self)
        for (list, start) in listStarts.enumerated() { unsafe places[list] = start }
        unsafe starts = UnsafePointer(places)
        unsafe rows = UnsafePointer(rowMemory.base.assumingMemoryBound(to: UInt32.self))
        unsafe codes = UnsafePointer(codeMemory.base.assumingMemoryBound(to: UInt8.self))
        unsafe terms = unsafe termMemory.map {
            unsafe UnsafePointer($0.base.assumingMemoryBound(to: Float.self))
        }
        self.placeCount = placeCount
        memory = [startMemory, rowMemory, codeMemory] + (termMemory.map { [$0] } ?? [])
    }

    /// Codes the members of a list into its places; other lists may be filled meanwhile.
    fileprivate func fill(
        _ list: Int, with members: [UInt32], _ quantizer: IVFQuantizer, _ vectors: VectorSpace
    ) {
        let parameters = quantizer.parameters
        let partCount = parameters.partCount
        let start = unsafe Int(starts[list])
        let end = unsafe Int(starts[list + 1])
        let rows = unsafe UnsafeMutablePointer(mutating: rows)
        let codes = unsafe UnsafeMutablePointer(mutating: codes)
        let terms = unsafe UnsafeMutablePointer(mutating: terms)
        let residual = UnsafeMutablePointer<Float>.allocate(capacity: parameters.dimension)
        let code = UnsafeMutablePointer<UInt8>.allocate(capacity: partCount)
        defer {
            unsafe residual.deallocate()
            unsafe code.deallocate()
        }
        for (index, row) in members.enumerated() {
            let place = start + index
            let term = unsafe vectors.withFloats(Int(row)..<Int(row) + 1, under: parameters.metric)
            {
                floats, _ in
                unsafe quantizer.encode(floats, list: list, into: code, residual: residual)
            }
            unsafe rows[place] = row
            unsafe terms?[place] = term
            if parameters.bits == 8 {
                unsafe (codes + place * partCount).update(from: code, count: partCount)
                continue
            }
            let block = unsafe codes + place / 32 * 16 * partCount
            for part in 0..<partCount {
                let byte = unsafe block + part * 16 + place % 16
                unsafe byte.pointee |= place % 32 < 16 ? code[part] : code[part] << 4
            }
        }
        for place in start + members.count..<end { unsafe rows[place] = IVFIndex.noRow }
    }
}
