package import ApusCore
internal import ApusIndex
package import ApusKernels
private import Synchronization

/// The segment that takes new rows, in memory; everything in it is also in the log.
///
/// One writer appends (the collection's writer lock), any number of readers look at the rows that
/// were published to them. Columns lie in reserved memory that never moves, so readers take no lock
/// for rows; the map from ids to rows has one. Indexer jobs insert rows into the graphs behind the
/// writer; rows that no graph has yet are a tail that searches scan.
package final class GrowingSegment: Segment {
    package let number: UInt64
    package let capacity: Int
    package let deletions: RowDeletions
    package let filterCache = FilterCache()
    package let denseFields: [String: DenseField]
    package let sparseFields: [String: SparseField]
    private let sparseIndexes: [String: SparseIndex]
    package let hasExtras: Bool

    private let growingFields: [GrowingDenseField]
    private let payloadIndex = GrowingPayloadIndex()
    private let ids: GrowingColumn<PointIDRecord>
    private let versions: GrowingColumn<UInt64>
    /// The earlier row of the same point in this segment, or `noRow`.
    private let previousRows: GrowingColumn<UInt32>
    private let blobs: ByteArena
    private let blobSpans: GrowingColumn<BlobSpan>
    private let rowsByID = Mutex<[PointID: UInt32]>([:])
    private let appended = Atomic<Int>(0)
    /// Bytes of extras in `blobs`.
    private let extrasByteCount = Atomic<Int>(0)

    private static let noRow = UInt32.max

    /// Where a row's payload and extras lie in the arena, one after the other.
    private struct BlobSpan: BitwiseCopyable {
        var offset: UInt64
        var payloadByteCount: UInt32
        var extrasByteCount: UInt32
    }

    /// Memory is reserved for `capacity` rows and used as rows come.
    package init(
        number: UInt64, configuration: CollectionConfiguration, capacity: Int,
        blobByteCapacity: Int
    ) throws(KernelError) {
        self.number = number
        self.capacity = capacity
        deletions = try RowDeletions(capacity: capacity)
        ids = try GrowingColumn(capacity: capacity)
        versions = try GrowingColumn(capacity: capacity)
        previousRows = try GrowingColumn(capacity: capacity)
        blobSpans = try GrowingColumn(capacity: capacity)
        blobs = try ByteArena(capacity: blobByteCapacity)

        var growing: [GrowingDenseField] = []
        for (name, field) in configuration.vectors.sorted(by: { $0.key < $1.key })
        where !field.isMultiVector {
            growing.append(
                try GrowingDenseField(
                    name: name, configuration: field,
                    hnsw: configuration.hnsw.applying(field.hnsw), capacity: capacity))
        }
        growingFields = growing
        denseFields = Dictionary(uniqueKeysWithValues: growing.map { ($0.field.name, $0.field) })
        let sparse = configuration.sparseVectors.mapValues { ($0, SparseIndex()) }
        sparseIndexes = sparse.mapValues { $0.1 }
        sparseFields = sparse.mapValues { SparseField(configuration: $0.0, index: $0.1) }
        hasExtras =
            !sparseFields.isEmpty || configuration.vectors.values.contains { $0.isMultiVector }
    }

    package var rowCount: Int { appended.load(ordering: .acquiring) }

    // MARK: Writing (one writer)

    /// Whether the rows of one more batch fit.
    package func hasRoom(rows: Int, blobBytes: Int) -> Bool {
        rows <= capacity - rowCount && blobs.hasRoom(for: blobBytes)
    }

    /// Whether a batch would fit if the segment were empty.
    package func couldHold(rows: Int, blobBytes: Int) -> Bool {
        rows <= capacity && blobBytes <= blobs.capacity
    }

    /// Adds a row for the point. It becomes visible to readers at `lsn` and later. An earlier row
    /// of the point is not touched: the caller marks it as deleted.
    package func append(_ point: StoredPoint, lsn: SequenceNumber) {
        let row = appended.load(ordering: .relaxed)
        precondition(row < capacity)
        ids[row] = PointIDRecord(point.id)
        versions[row] = lsn.rawValue
        let offset = blobs.append(point.payload)
        _ = blobs.append(point.extras)
        extrasByteCount.wrappingAdd(point.extras.count, ordering: .relaxed)
        blobSpans[row] = BlobSpan(
            offset: UInt64(offset), payloadByteCount: UInt32(point.payload.count),
            extrasByteCount: UInt32(point.extras.count))
        for field in growingFields { field.store(point.dense[field.field.name], at: row) }
        for case (let name, .sparse(let vector)) in point.others {
            sparseIndexes[name]?.insert(vector, ordinal: UInt32(row))
        }
        previousRows[row] = rowsByID.withLock { rows in
            rows.updateValue(UInt32(row), forKey: point.id) ?? Self.noRow
        }
        appended.store(row + 1, ordering: .releasing)
    }

    // MARK: Indexing (one indexer job at a time)

    /// Rows that every graph of the segment has reached.
    package var indexedCount: Int {
        growingFields.compactMap { $0.field.index?.indexedCount }.min() ?? rowCount
    }

    /// Inserts the next rows into the graphs, about `rowsMax` into each, and returns whether there
    /// were any. Rows go in by whole batches, so that the graph does not depend on when this is
    /// called; the last rows, fewer than a batch, stay outside until `finish` takes them in, which
    /// is for a segment that gets no more rows.
    package func index(rowsMax: Int, finish: Bool, pool: WorkerPool) -> Bool {
        let end = rowCount
        var hasMoved = false
        for field in growingFields {
            guard let index = field.field.index else { continue }
            let before = index.indexedCount
            let target = min(end, before + rowsMax)
            index.insert(
                upTo: target, finish: finish && target == end,
                isPresent: { field.field.hasVector(at: $0) }, pool: pool)
            if index.indexedCount > before { hasMoved = true }
        }
        return hasMoved
    }

    /// Makes payload indexes of the next rows, if enough wait for it, and returns whether it did.
    func indexPayload(_ fields: [PayloadPath: PayloadFieldSchema]) throws -> Bool {
        try payloadIndex.extend(to: rowCount, fields) { rows, body in
            for row in rows { body(row, unsafe EncodedPayload(payloadView(at: row))) }
        }
    }

    /// Whether `indexPayload` has something to do.
    func hasPayloadToIndex(_ fields: [PayloadPath: PayloadFieldSchema]) -> Bool {
        payloadIndex.isBehind(rowCount, fields)
    }

    package var indexedVectorCount: Int {
        denseFields.values.reduce(0) { $0 + $1.indexedVectorCount }
    }

    /// Rows that wait for their graph, without the last ones that do not fill a batch.
    package var waitingCount: Int {
        max(0, rowCount - indexedCount - HNSWIndex.batchSize + 1)
    }

    // MARK: Reading

    package func writtenCount(through lsn: SequenceNumber) -> Int {
        // Versions ascend with rows: binary search for the first one that is too new.
        var low = 0
        var high = rowCount
        while low < high {
            let middle = (low + high) / 2
            if versions[middle] <= lsn.rawValue { low = middle + 1 } else { high = middle }
        }
        return low
    }

    package func id(at row: Int) -> PointID { ids[row].id }

    package func version(at row: Int) -> SequenceNumber { SequenceNumber(versions[row]) }

    package func row(of id: PointID, at lsn: SequenceNumber) -> Int? {
        var row = rowsByID.withLock { $0[id] } ?? Self.noRow
        while row != Self.noRow {
            let candidate = Int(row)
            if versions[candidate] <= lsn.rawValue {
                return deletions.isVisible(candidate, at: lsn) ? candidate : nil
            }
            row = previousRows[candidate]
        }
        return nil
    }

    package func rows(of id: PointID) -> [Int] {
        var rows: [Int] = []
        var row = rowsByID.withLock { $0[id] } ?? Self.noRow
        while row != Self.noRow {
            rows.append(Int(row))
            row = previousRows[Int(row)]
        }
        return rows
    }

    package func indexedRows(_ fields: [PayloadPath: PayloadFieldSchema]) -> [IndexedRows] {
        payloadIndex.rows(fields)
    }

    package func forEachPayload(
        in rows: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        for row in rows { unsafe try body(row, payloadView(at: row)) }
    }

    package func payloadBytes(at row: Int) throws -> [UInt8] {
        unsafe Array(payloadView(at: row))
    }

    package func extrasBytes(at row: Int) throws -> [UInt8] { unsafe Array(extrasView(at: row)) }

    package func forEachExtras(
        in rows: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        for row in rows { unsafe try body(row, extrasView(at: row)) }
    }

    private func extrasView(at row: Int) -> UnsafeRawBufferPointer {
        let span = blobSpans[row]
        return unsafe blobs.bytes(
            at: Int(span.offset) + Int(span.payloadByteCount), count: Int(span.extrasByteCount))
    }

    package func rowsInIDOrder(
        from start: PointID?, limit: Int, writtenCount: Int, isWanted: (Int) -> Bool
    ) -> [(id: PointID, row: Int)] {
        // Rows lie in order of writing, so all of them are looked at, and only the `limit`
        // smallest are kept: sorted now and then instead of on every insertion.
        var kept: [(id: PointID, row: Int)] = []
        let keptMax = 2 * max(limit, 32)
        for row in 0..<writtenCount where isWanted(row) {
            let id = id(at: row)
            if let start, id < start { continue }
            kept.append((id, row))
            if kept.count >= keptMax {
                kept.sort { $0.id < $1.id }
                kept.removeLast(kept.count - limit)
            }
        }
        kept.sort { $0.id < $1.id }
        return Array(kept.prefix(limit))
    }

    private func payloadView(at row: Int) -> UnsafeRawBufferPointer {
        let span = blobSpans[row]
        return unsafe blobs.bytes(at: Int(span.offset), count: Int(span.payloadByteCount))
    }

    // MARK: Memory

    /// Fixed bytes of a row in all columns, and about what the map from ids takes for it: half of
    /// a table's places are empty on average.
    static let rowOverheadBytes =
        MemoryLayout<PointIDRecord>.stride + 2 * MemoryLayout<UInt64>.stride
        + MemoryLayout<UInt32>.stride + MemoryLayout<BlobSpan>.stride
        + 2 * MemoryLayout<(PointID, UInt32)>.stride

    package var usage: StorageUsage {
        let rows = rowCount
        var usage = StorageUsage()
        guard rows > 0 else { return usage }
        let last = blobSpans[rows - 1]
        let blobBytes =
            Int(last.offset) + Int(last.payloadByteCount) + Int(last.extrasByteCount)
        let extrasBytes = min(extrasByteCount.load(ordering: .relaxed), blobBytes)
        let spanBytes = rows * MemoryLayout<BlobSpan>.stride
        usage[.payload].memory =
            blobBytes - extrasBytes + spanBytes + payloadIndex.byteCount
        usage[.ids].memory = rows * Self.rowOverheadBytes - spanBytes
        usage[.sparse].memory = sparseFields.values.reduce(extrasBytes) {
            $0 + $1.index.memoryByteCount
        }
        return usage
    }

    package var residentFields: [DenseField] { Array(denseFields.values) }

    // MARK: Sealing

    /// The id records of the first `count` rows as they lie in memory.
    package func idBytes(count: Int) -> UnsafeRawBufferPointer { unsafe ids.bytes(count: count) }

    /// The versions of the first `count` rows as they lie in memory.
    package func versionBytes(count: Int) -> UnsafeRawBufferPointer {
        unsafe versions.bytes(count: count)
    }

    /// The presence bytes of a dense field.
    package func presenceBytes(of name: String, count: Int) -> UnsafeRawBufferPointer? {
        guard let field = growingFields.first(where: { $0.field.name == name }) else { return nil }
        return unsafe field.presenceBytes(count: count)
    }
}

/// The writer's side of a dense field: where vectors are stored.
private final class GrowingDenseField: Sendable {
    let field: DenseField
    private let arena: VectorArena
    /// nil: walks measure with the vectors.
    private let codes: CodeArena?
    private let presence: GrowingColumn<UInt8>

    init(
        name: String, configuration: DenseVectorConfiguration, hnsw: HNSWConfiguration,
        capacity: Int
    ) throws(KernelError) {
        arena = try VectorArena(
            dimension: configuration.dimension, element: configuration.element, capacity: capacity)
        presence = try GrowingColumn(capacity: capacity)
        let vectors = arena.space
        codes =
            configuration.hasCodes && hnsw.m > 0
            ? try CodeArena(dimension: configuration.dimension, capacity: capacity) : nil
        let index: HNSWIndex? =
            hnsw.m == 0
            ? nil
            : try HNSWIndex(
                parameters: HNSWParameters(
                    m: hnsw.m, efConstruct: hnsw.efConstruct, metric: configuration.metric,
                    dimension: configuration.dimension),
                vectors: vectors, codes: codes?.space, capacity: capacity, owner: codes)
        field = DenseField(
            name: name, metric: configuration.metric, vectors: vectors, index: index,
            presence: unsafe Presence(base: UnsafePointer(presence.base), owner: presence),
            residency: .memory, owner: arena)
    }

    func store(_ vector: [Float]?, at row: Int) {
        if let vector {
            arena.store(vector, at: row)
            codes?.store(row, of: arena.space)
            presence[row] = 1
        } else {
            presence[row] = 0
            field.presence?.countAbsentRow()
        }
    }

    func presenceBytes(count: Int) -> UnsafeRawBufferPointer { unsafe presence.bytes(count: count) }
}
