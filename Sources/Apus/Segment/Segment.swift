package import ApusCore
package import ApusIndex
package import ApusKernels
private import Synchronization

/// Rows of points, in memory in the order in which they were written; a row never changes, it is only
/// marked as deleted. A point that is written again gets a new row.
///
/// Growing segments take new rows in memory, sealed ones are files. Readers use both alike: they
/// hold a sequence number, and see of each segment the rows that were written at or before it and
/// not deleted by then.
package protocol Segment: AnyObject, Sendable {
    /// The number that its file has, or will have.
    var number: UInt64 { get }
    /// Rows stored, including deleted ones and, in a growing segment, ones that are not durable yet.
    var rowCount: Int { get }
    var deletions: RowDeletions { get }
    /// Rows that match a filter, remembered: as rows never change, neither does the answer.
    var filterCache: FilterCache { get }
    /// Throws `SegmentDamage` when a field of a file turns out to be damaged at its first use.
    var denseFields: [String: DenseField] { get throws }
    /// One of them; the others need not be looked at.
    func denseField(_ name: String) throws -> DenseField?
    var sparseFields: [String: SparseField] { get throws }
    /// One of them; the others need not be looked at.
    func sparseField(_ name: String) throws -> SparseField?
    /// Vectors that are in a graph, over all dense fields.
    var indexedVectorCount: Int { get }
    /// Whether some rows may carry sparse or multi vectors.
    var hasExtras: Bool { get }
    /// Where its bytes lie, but for the memory of dense fields. O(fields).
    var usage: StorageUsage { get }
    /// The dense fields that have been brought to where they are searched.
    var residentFields: [DenseField] { get }

    /// Makes sure that ids and versions can be relied on: whoever takes a view calls it, before
    /// any of the following. Throws `SegmentDamage` when they cannot.
    func prepareRows() throws
    /// Rows written at or before `lsn`: those below the result.
    func writtenCount(through lsn: SequenceNumber) -> Int
    func id(at row: Int) -> PointID
    /// The batch that wrote the row.
    func version(at row: Int) -> SequenceNumber
    /// The row of the point that a reader at `lsn` sees.
    func row(of id: PointID, at lsn: SequenceNumber) -> Int?
    /// Calls `body` with each row of the range and its encoded payload.
    func forEachPayload(
        in rows: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws
    /// The row's encoded payload.
    func payloadBytes(at row: Int) throws -> [UInt8]
    /// Runs of rows with payload indexes of these fields, the first from row 0 on and each from
    /// where the one before it ends. Making or verifying an index waits until it is asked for.
    func indexedRows(_ fields: [PayloadPath: PayloadFieldSchema]) -> [IndexedRows]
    /// All rows that the point was ever written to, whoever sees them.
    func rows(of id: PointID) -> [Int]
    /// The row's sparse and multi vectors, encoded; empty when it has none.
    func extrasBytes(at row: Int) throws -> [UInt8]
    /// Calls `body` with each row of the range and the same of it.
    func forEachExtras(
        in rows: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws
    /// Rows with ids ≥ `start` in id order that `isWanted` accepts, `limit` at most.
    func rowsInIDOrder(
        from start: PointID?, limit: Int, writtenCount: Int, isWanted: (Int) -> Bool
    ) -> [(id: PointID, row: Int)]
}

extension Segment {
    package func denseField(_ name: String) throws -> DenseField? { try denseFields[name] }

    package func sparseField(_ name: String) throws -> SparseField? { try sparseFields[name] }

    package func prepareRows() throws {}

    package func payload(at row: Int) throws -> Payload {
        let bytes = try payloadBytes(at: row)
        return try locating(row) { () throws(MalformedBytes) in
            try decoding(bytes) { (reader) throws(MalformedBytes) in try reader.readPayload() }
        }
    }

    /// The row's sparse and multi vectors by field name.
    package func extras(at row: Int) throws -> [String: Vector] {
        guard hasExtras else { return [:] }
        let bytes = try extrasBytes(at: row)
        return try locating(row) { () throws(MalformedBytes) in try RowExtras.decode(bytes) }
    }

    /// One vector of the row, as it is stored.
    package func vector(_ name: String, at row: Int) throws -> Vector? {
        if let field = try denseField(name) { return field.vector(at: row).map(Vector.dense) }
        return try extras(at: row)[name]
    }

    /// All vectors of the row, or those of the named fields.
    package func vectors(_ selector: VectorSelector, at row: Int) throws -> [String: Vector]? {
        let isSelected: (String) -> Bool
        switch selector {
        case .none: return nil
        case .all: isSelected = { _ in true }
        case .named(let names): isSelected = { names.contains($0) }
        }
        var result: [String: Vector] = [:]
        for (name, field) in try denseFields where isSelected(name) {
            if let vector = field.vector(at: row) { result[name] = .dense(vector) }
        }
        for (name, vector) in try extras(at: row) where isSelected(name) { result[name] = vector }
        return result
    }

    /// Says of malformed bytes which row they belong to.
    func locating<Value>(
        _ row: Int, _ body: () throws(MalformedBytes) -> Value
    ) throws -> Value {
        do throws(MalformedBytes) { return try body() } catch {
            throw DatabaseError(.corruption, "segment \(number), row \(row): \(error)")
        }
    }
}

/// A dense vector field of one segment: its vectors, which rows have one, and their graph.
package final class DenseField: Sendable {
    package let name: String
    package let metric: Metric
    package let vectors: VectorSpace
    /// nil when the field is configured without a graph (m = 0), or has another index.
    package let index: HNSWIndex?
    /// Only in segments that get no more rows.
    package let ivf: IVFIndex?
    /// Which rows have a vector; nil: all of them.
    package let presence: Presence?
    package let residency: Residency
    /// What keeps the memory of `vectors`.
    let owner: any AnyObject & Sendable

    package init(
        name: String, metric: Metric, vectors: VectorSpace, index: HNSWIndex?,
        ivf: IVFIndex? = nil, presence: Presence?, residency: Residency,
        owner: any AnyObject & Sendable
    ) {
        self.ivf = ivf
        self.name = name
        self.metric = metric
        self.vectors = vectors
        self.index = index
        self.presence = presence
        self.residency = residency
        self.owner = owner
    }

    /// The memory of `rowCount` rows.
    package func usage(rowCount: Int) -> StorageUsage {
        var usage = StorageUsage()
        if residency.vectorsInMemory {
            usage[.vectors].memory = rowCount * vectors.rowByteCount
        }
        if let index {
            if residency.graphInMemory, let codes = index.codes {
                usage[.codes].memory = rowCount * codes.stride
            }
            // Of mapped links too, the place of each node's upper blocks is kept in memory.
            usage[.graph].memory =
                residency.graphInMemory
                ? index.linkByteCount : index.indexedCount * MemoryLayout<UInt32>.size
        }
        if let ivf, residency.graphInMemory { usage[.codes].memory = ivf.byteCount }
        return usage
    }

    package func hasVector(at row: Int) -> Bool { presence?[row] ?? true }

    /// Rows that are in the graph, or another index, and have a vector.
    package var indexedVectorCount: Int {
        guard let count = index?.indexedCount ?? ivf?.rowCount else { return 0 }
        return max(0, count - (presence?.absentCount ?? 0))
    }

    /// `[dimension]` floats, as they are stored; nil when the row lacks the vector.
    package func vector(at row: Int) -> [Float]? {
        hasVector(at: row) ? vectors.vector(at: row) : nil
    }
}

/// One byte a row: whether it has a vector in a field.
@safe
package final class Presence: @unchecked Sendable {
    // Bytes are written once, before the row is published, by the one writer; `owner` keeps the
    // memory alive.
    private let base: UnsafePointer<UInt8>
    private let owner: AnyObject
    private let absent = Atomic<Int>(0)

    package init(base: UnsafePointer<UInt8>, owner: AnyObject, absentCount: Int = 0) {
        unsafe self.base = base
        self.owner = owner
        absent.store(absentCount, ordering: .relaxed)
    }

    /// Rows without a vector.
    package var absentCount: Int { absent.load(ordering: .acquiring) }

    package func countAbsentRow() { absent.wrappingAdd(1, ordering: .releasing) }

    package subscript(row: Int) -> Bool { unsafe base[row] != 0 }
}

/// The inverted lists of one sparse field of a segment.
package final class SparseField: Sendable {
    package let configuration: SparseVectorConfiguration
    package let index: any SparseLists

    package init(configuration: SparseVectorConfiguration, index: any SparseLists) {
        self.configuration = configuration
        self.index = index
    }
}
