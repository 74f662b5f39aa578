package import ApusCore
internal import ApusIndex
internal import ApusKernels

/// The rows of several segments that are still wanted, as one segment to be: ids and versions
/// copied, vectors copied and in new graphs, payloads read from the segments when they are written.
///
/// Rows of `parts[0]` come first, and their graph is where that of the merged segment begins.
///
/// Memory: the vectors and graphs of all its rows, as long as it lives; a segment that is opened
/// from its file goes on with those of the fields that belong in memory. Built by one thread.
package final class MergedSegment: SegmentSource {
    /// The rows of one segment that are wanted, ascending.
    struct Part: Sendable {
        let segment: any Segment
        let survivors: [UInt32]
    }

    package let number: UInt64
    package let rowCount: Int
    package let deletions: RowDeletions
    package let filterCache = FilterCache()
    package let denseFields: [String: DenseField]
    package let hasExtras: Bool

    private let parts: [Part]
    /// The row at which each part begins.
    private let starts: [Int]
    private let ids: GrowingColumn<PointIDRecord>
    private let versions: GrowingColumn<UInt64>
    private let presences: [String: GrowingColumn<UInt8>]

    /// Builds the graphs, which takes its time: `pause` is called between pieces of the work, some
    /// milliseconds to seconds apart, and ends it by throwing. `isCancelled` is asked on the pool's
    /// threads in the longest of those pieces; when it says so, the next `pause` must throw.
    init(
        number: UInt64, parts: [Part], configuration: CollectionConfiguration, pool: WorkerPool,
        isCancelled: @escaping @Sendable () -> Bool, pause: () throws -> Void
    ) throws {
        self.number = number
        self.parts = parts
        var starts: [Int] = []
        var count = 0
        for part in parts {
            starts.append(count)
            count += part.survivors.count
        }
        self.starts = starts
        rowCount = count
        deletions = try RowDeletions(capacity: count)
        ids = try GrowingColumn(capacity: max(1, count))
        versions = try GrowingColumn(capacity: max(1, count))
        hasExtras = parts.contains { $0.segment.hasExtras }
        for (part, start) in zip(parts, starts) {
            for (index, row) in part.survivors.enumerated() {
                ids[start + index] = PointIDRecord(part.segment.id(at: Int(row)))
                versions[start + index] = part.segment.version(at: Int(row)).rawValue
            }
            try pause()
        }
        var fields: [String: DenseField] = [:]
        var presences: [String: GrowingColumn<UInt8>] = [:]
        for (name, field) in configuration.vectors.sorted(by: { $0.key < $1.key })
        where !field.isMultiVector {
            let builder = try MergedField(
                name: name, configuration: field, rowCount: count, parts: parts)
            try builder.copyVectors(pause: pause)
            if let ivf = field.ivf {
                try builder.buildLists(ivf, pool: pool, pause: pause)
            } else {
                try builder.buildGraph(
                    configuration.hnsw.applying(field.hnsw), pool: pool, isCancelled: isCancelled,
                    pause: pause)
            }
            fields[name] = builder.field
            presences[name] = builder.presence
        }
        denseFields = fields
        self.presences = presences
    }

    // MARK: Deletions

    @discardableResult
    package func copyDeletions() -> Int {
        let count = markCount
        for (part, start) in zip(parts, starts) {
            let source = part.segment.deletions
            guard source.count > 0 else { continue }
            for (index, row) in part.survivors.enumerated() {
                if let lsn = source.mark(of: Int(row)) { deletions.delete(start + index, at: lsn) }
            }
        }
        return count
    }

    /// Marks that the parts have, of wanted rows and others.
    package var markCount: Int { parts.reduce(0) { $0 + $1.segment.deletions.count } }

    // MARK: SegmentSource

    package func id(at row: Int) -> PointID { ids[row].id }

    package func idBytes(count: Int) -> UnsafeRawBufferPointer { unsafe ids.bytes(count: count) }

    package func versionBytes(count: Int) -> UnsafeRawBufferPointer {
        unsafe versions.bytes(count: count)
    }

    package func presenceBytes(of name: String, count: Int) -> UnsafeRawBufferPointer? {
        guard let presence = presences[name] else { return nil }
        return unsafe presence.bytes(count: count)
    }

    package func payloadBytes(at row: Int) throws -> [UInt8] {
        let (segment, source) = place(of: row)
        return try segment.payloadBytes(at: source)
    }

    package func extrasBytes(at row: Int) throws -> [UInt8] {
        let (segment, source) = place(of: row)
        return segment.hasExtras ? try segment.extrasBytes(at: source) : []
    }

    /// Where a row comes from. O(parts), of which there are few.
    private func place(of row: Int) -> (segment: any Segment, row: Int) {
        let index = (starts.lastIndex { $0 <= row && row >= 0 }) ?? 0
        let part = parts[index]
        return (part.segment, Int(part.survivors[row - starts[index]]))
    }
}

/// One dense field of a merged segment while it is made.
private final class MergedField {
    /// Rows copied, or inserted into the graph, between two pauses.
    private static let rowsPerPause = 2048

    let presence: GrowingColumn<UInt8>
    private(set) var field: DenseField

    private let name: String
    private let configuration: DenseVectorConfiguration
    private let rowCount: Int
    private let parts: [MergedSegment.Part]
    private let arena: VectorArena
    private let codes: CodeArena?
    private let present: Presence

    init(
        name: String, configuration: DenseVectorConfiguration, rowCount: Int,
        parts: [MergedSegment.Part]
    ) throws {
        self.name = name
        self.configuration = configuration
        self.rowCount = rowCount
        self.parts = parts
        arena = try VectorArena(
            dimension: configuration.dimension, element: configuration.element,
            capacity: max(1, rowCount))
        codes =
            configuration.hasCodes && configuration.ivf == nil
            ? try CodeArena(dimension: configuration.dimension, capacity: max(1, rowCount)) : nil
        presence = try GrowingColumn(capacity: max(1, rowCount))
        unsafe present = Presence(base: UnsafePointer(presence.base), owner: presence)
        field = DenseField(
            name: name, metric: configuration.metric, vectors: arena.space, index: nil,
            presence: present, residency: .memory, owner: arena)
    }

    func copyVectors(pause: () throws -> Void) throws {
        var row = 0
        for part in parts {
            let source = try part.segment.denseField(name)
            for survivor in part.survivors {
                if let vector = source?.vector(at: Int(survivor)) {
                    arena.store(vector, at: row)
                    codes?.store(row, of: arena.space)
                    presence[row] = 1
                } else {
                    presence[row] = 0
                    present.countAbsentRow()
                }
                row += 1
                if row % Self.rowsPerPause == 0 { try pause() }
            }
        }
    }

    /// The lists and codewords of the first part go on, if they still fit.
    func buildLists(
        _ ivf: IVFConfiguration, pool: WorkerPool, pause: () throws -> Void
    ) throws {
        guard rowCount > 0 else { return }
        let known = try parts.first?.segment.denseField(name)?.ivf?.quantizer
        let built = try field.builtIVF(ivf, rowCount: rowCount, quantizer: known, pool: pool)
        field = DenseField(
            name: name, metric: configuration.metric, vectors: arena.space, index: nil,
            ivf: built, presence: present, residency: .memory, owner: arena)
        try pause()
    }

    /// The graph of the first part goes on, if it was built with the settings that hold now and
    /// enough of it lives; otherwise every row is inserted into a new one.
    func buildGraph(
        _ hnsw: HNSWConfiguration, pool: WorkerPool, isCancelled: @escaping @Sendable () -> Bool,
        pause: () throws -> Void
    ) throws {
        guard hnsw.m > 0, rowCount > 0 else { return }
        let parameters = HNSWParameters(
            m: hnsw.m, efConstruct: hnsw.efConstruct, metric: configuration.metric,
            dimension: configuration.dimension)
        let index: HNSWIndex
        if let base = parts.first, let old = try base.segment.denseField(name)?.index,
            old.parameters == parameters, old.indexedCount == base.segment.rowCount,
            old.isWorthKeeping(survivorCount: base.survivors.count)
        {
            index = try old.withoutDeadNodes(
                survivors: base.survivors, vectors: arena.space, codes: codes?.space,
                capacity: rowCount, owner: OwnerPair(arena, codes), pool: pool,
                isCancelled: isCancelled)
            try pause()
        } else {
            index = try HNSWIndex(
                parameters: parameters, vectors: arena.space, codes: codes?.space,
                capacity: rowCount, owner: OwnerPair(arena, codes))
        }
        let presence = presence
        while index.indexedCount < rowCount {
            let end = min(rowCount, index.indexedCount + Self.rowsPerPause)
            index.insert(
                upTo: end, finish: end == rowCount, isPresent: { presence[$0] != 0 }, pool: pool)
            try pause()
        }
        index.connectUnreachable()
        field = DenseField(
            name: name, metric: configuration.metric, vectors: arena.space, index: index,
            presence: present, residency: .memory, owner: arena)
    }
}
