internal import ApusCore
internal import ApusIndex
internal import ApusKernels

/// The rows of a segment to be, in the order in which walks of its largest graph come by them
/// (`HNSWIndex+Order.swift`; docs/adr/0043): what a walk reads one after the other lies together.
///
/// Ids, versions, vectors and graphs are copied, field by field; payloads and extras are read from
/// the other segment when they are written, and marks are made there until the file is in use.
final class ReorderedSegment: SegmentSource {
    let number: UInt64
    let rowCount: Int
    let deletions: RowDeletions
    let filterCache = FilterCache()
    let denseFields: [String: DenseField]
    var hasExtras: Bool { source.hasExtras }

    private let source: any SegmentSource
    /// The row of `source` that each row is.
    private let order: [UInt32]
    private let ids: GrowingColumn<PointIDRecord>
    private let versions: GrowingColumn<UInt64>
    private let presences: [String: GrowingColumn<UInt8>]

    /// nil: the rows stay as they are, because no graph is walked, or there are lists (docs/adr/0014),
    /// which nothing numbers anew.
    ///
    /// The source takes no more rows, and all of them are in its graphs. O(links + rows × bytes of
    /// vectors), a part of it on the threads of `pool`; the order does not depend on these. `pause` and
    /// `isCancelled` are as in `MergedSegment.init`.
    init?(
        _ source: any SegmentSource, configuration: CollectionConfiguration, pool: WorkerPool,
        isCancelled: @escaping @Sendable () -> Bool, pause: () throws -> Void
    ) throws {
        let fields = source.denseFields
        let hasLists = fields.values.contains { field in
            field.ivf != nil || configuration.vectors[field.name]?.ivf != nil
        }
        guard source.rowCount > 1, !hasLists,
            let graph = fields.values.largestGraph(rowCount: source.rowCount)
        else { return nil }
        let order = try graph.walkOrder(pause: pause)
        self.source = source
        self.order = order
        number = source.number
        rowCount = source.rowCount
        deletions = try RowDeletions(capacity: rowCount)
        ids = unsafe try GrowingColumn(source.idBytes(count: rowCount), order)
        versions = unsafe try GrowingColumn(source.versionBytes(count: rowCount), order)
        try pause()
        var presences: [String: GrowingColumn<UInt8>] = [:]
        for name in fields.keys {
            guard let bytes = unsafe source.presenceBytes(of: name, count: rowCount) else {
                continue
            }
            presences[name] = unsafe try GrowingColumn(bytes, order)
        }
        self.presences = presences
        denseFields = try fields.mapValues { [presences] field in
            try field.reordered(
                order, presence: presences[field.name], pool: pool, isCancelled: isCancelled,
                pause: pause)
        }
    }

    var markCount: Int { source.markCount }

    @discardableResult
    func copyDeletions() -> Int {
        let count = source.copyDeletions()
        guard source.deletions.count > 0 else { return count }
        for (row, old) in order.enumerated() {
            if let lsn = source.deletions.mark(of: Int(old)) { deletions.delete(row, at: lsn) }
        }
        return count
    }

    func id(at row: Int) -> PointID { ids[row].id }

    func idBytes(count: Int) -> UnsafeRawBufferPointer { unsafe ids.bytes(count: count) }

    func versionBytes(count: Int) -> UnsafeRawBufferPointer { unsafe versions.bytes(count: count) }

    func presenceBytes(of name: String, count: Int) -> UnsafeRawBufferPointer? {
        unsafe presences[name]?.bytes(count: count)
    }

    func payloadBytes(at row: Int) throws -> [UInt8] {
        try source.payloadBytes(at: Int(order[row]))
    }

    func extrasBytes(at row: Int) throws -> [UInt8] {
        try source.extrasBytes(at: Int(order[row]))
    }
}

extension Sequence<DenseField> {
    /// The graph over the most bytes of vectors, that has all rows; the first by name of equal ones.
    fileprivate func largestGraph(rowCount: Int) -> HNSWIndex? {
        let largest = filter { $0.index?.indexedCount == rowCount }.min { left, right in
            (right.vectors.rowByteCount, left.name) < (left.vectors.rowByteCount, right.name)
        }
        return largest?.index
    }
}

extension DenseField {
    /// Bytes of vectors that are copied between two pauses.
    private static let bytesPerPause = 4 << 20

    /// The same vectors and graph with the row `order[i]` as row i.
    fileprivate func reordered(
        _ order: [UInt32], presence bytes: GrowingColumn<UInt8>?, pool: WorkerPool,
        isCancelled: @escaping @Sendable () -> Bool, pause: () throws -> Void
    ) throws -> DenseField {
        let arena = try VectorArena(
            dimension: vectors.dimension, element: vectors.element, capacity: order.count)
        var codes: CodeArena?
        var codeSpace: CodeSpace?
        if case .bytes(let space) = index?.codes {
            codes = try CodeArena(dimension: space.dimension, capacity: order.count)
            codeSpace = space
        }
        let step = max(1, Self.bytesPerPause / vectors.rowByteCount)
        for start in stride(from: 0, to: order.count, by: step) {
            let places = start..<min(start + step, order.count)
            arena.store(order, places, of: vectors)
            if let codeSpace { codes?.store(order, places, of: codeSpace) }
            try pause()
        }
        let graph = try index?.withoutDeadNodes(
            survivors: order, vectors: arena.space, codes: codes?.space, capacity: order.count,
            owner: OwnerPair(arena, codes), pool: pool, isCancelled: isCancelled)
        try pause()
        let presence = bytes.map {
            unsafe Presence(
                base: UnsafePointer($0.base), owner: $0,
                absentCount: self.presence?.absentCount ?? 0)
        }
        return DenseField(
            name: name, metric: metric, vectors: arena.space, index: graph, presence: presence,
            residency: .memory, owner: arena)
    }
}
