internal import ApusCore
internal import ApusIndex
internal import ApusKernels
internal import ApusStorage
private import Synchronization

/// A segment that is a file: mapped, immutable but for deletion marks, shared by all readers.
@safe
final class SealedSegment: Segment, @unchecked Sendable {
    let number: UInt64
    let rowCount: Int
    let deletions: RowDeletions
    let filterCache: FilterCache
    let hasExtras: Bool

    // Sendable: the pointers lead into the mapped file, which never changes and lives as long as
    // `reader`; deletion marks are atomic, the rest is constant or behind a lock.
    private let reader: SegmentReader
    private let payloads: RowBlockReader
    private let extras: RowBlockReader?
    private let ids: UnsafePointer<PointIDRecord>
    private let idOrder: UnsafePointer<UInt32>
    private let versions: UnsafePointer<UInt64>
    private let sparseConfigurations: [String: SparseVectorConfiguration]
    /// Mapped at first; those that belong in memory are replaced once they are there.
    private let fields: Mutex<[String: DenseField]>
    private let fieldsToLoad: Mutex<[(position: Int, field: SegmentFile.Metadata.Field)]>
    private let builtSparseFields = Mutex<[String: SparseField]?>(nil)

    /// Maps the file and checks the sections that searches use unchecked. Sections with payload
    /// are checked block by block when they are read.
    /// - Parameter source: the segment that was written to the file, whose deletion marks and
    ///   filter results go on here; nil: all rows live.
    init(
        path: String, fileSystem: any FileSystem, number: UInt64, replacing source: GrowingSegment?,
        configuration: CollectionConfiguration
    ) throws {
        let reader = try SegmentReader.open(fileSystem: fileSystem, path: path)
        let metadata = try SegmentFile.metadata(of: reader)
        let count = metadata.rowCount
        guard metadata.number == number, count >= 0, count <= Int(UInt32.max) else {
            throw DatabaseError(
                .corruption,
                "\(path): expected segment \(number), found segment \(metadata.number) "
                    + "with \(count) rows")
        }
        self.reader = reader
        self.number = number
        rowCount = count
        deletions = try source?.deletions ?? RowDeletions(capacity: count, liveCount: count)
        filterCache = source?.filterCache ?? FilterCache()
        hasExtras = metadata.hasExtras
        sparseConfigurations = configuration.sparseVectors
        unsafe ids = try reader.array(SegmentFile.Section.ids, count: count)
        let order: UnsafePointer<UInt32> = unsafe try reader.array(
            SegmentFile.Section.idOrder, count: count)
        unsafe idOrder = unsafe order
        unsafe versions = try reader.array(SegmentFile.Section.versions, count: count)
        guard (0..<count).allSatisfy({ unsafe Int(order[$0]) < count }) else {
            throw DatabaseError(.corruption, "\(path): section ids.order names rows past the end")
        }
        payloads = try RowBlockReader(reader, prefix: SegmentFile.Section.payload)
        extras =
            metadata.hasExtras
            ? try RowBlockReader(reader, prefix: SegmentFile.Section.extras) : nil
        for rows in [payloads, extras].compactMap({ $0 }) where rows.rowCount != count {
            throw DatabaseError(
                .corruption, "\(path): \(rows.rowCount) rows of payload, expected \(count)")
        }
        var fields: [String: DenseField] = [:]
        for (position, field) in metadata.fields.enumerated() {
            // Kernels trust that queries, which the configuration checks, fit the vectors.
            guard let declared = configuration.vectors[field.name],
                declared.dimension == field.dimension, declared.metric == field.metric
            else {
                throw DatabaseError(
                    .corruption,
                    "\(path): field `\(field.name)` has \(field.dimension) dimensions under "
                        + "\(field.metric), which is not what the collection declares")
            }
            let belongsInMemory = configuration.vectors[field.name]?.onDisk != true
            if belongsInMemory, let inMemory = source?.denseFields[field.name] {
                fields[field.name] = inMemory
            } else {
                fields[field.name] = try DenseField(
                    field, at: position, rowCount: count, reader: reader, isInMemory: false)
            }
        }
        self.fields = Mutex(fields)
        fieldsToLoad = Mutex(
            source != nil
                ? []
                : metadata.fields.enumerated().filter {
                    configuration.vectors[$1.name]?.onDisk != true
                }.map { ($0, $1) })
    }

    var denseFields: [String: DenseField] { fields.withLock { $0 } }

    // MARK: Memory

    /// Copies the next field that belongs in memory, vectors and graph, onto huge pages, where
    /// searches are faster than in the mapped file; false when there is none left. Searches go on
    /// meanwhile.
    func loadNextField() throws -> Bool {
        guard let (position, field) = fieldsToLoad.withLock({ $0.popLast() }) else { return false }
        let loaded = try DenseField(
            field, at: position, rowCount: rowCount, reader: reader, isInMemory: true)
        fields.withLock { $0[field.name] = loaded }
        return true
    }

    var isLoaded: Bool { fieldsToLoad.withLock { $0.isEmpty } }

    // MARK: Rows

    func writtenCount(through lsn: SequenceNumber) -> Int { rowCount }

    func id(at row: Int) -> PointID {
        precondition(row >= 0 && row < rowCount)
        return unsafe ids[row].id
    }

    func version(at row: Int) -> SequenceNumber {
        precondition(row >= 0 && row < rowCount)
        return unsafe SequenceNumber(versions[row])
    }

    func row(of id: PointID, at lsn: SequenceNumber) -> Int? {
        let record = PointIDRecord(id)
        var position = firstPosition(notBelow: record)
        // Rows of one point stand together; at most one of them is visible.
        while position < rowCount {
            let row = unsafe Int(idOrder[position])
            guard unsafe ids[row] == record else { return nil }
            if deletions.isVisible(row, at: lsn) { return row }
            position += 1
        }
        return nil
    }

    func rowsInIDOrder(
        from start: PointID?, limit: Int, writtenCount: Int, isWanted: (Int) -> Bool
    ) -> [(id: PointID, row: Int)] {
        var found: [(id: PointID, row: Int)] = []
        var position = start.map { firstPosition(notBelow: PointIDRecord($0)) } ?? 0
        while position < rowCount, found.count < limit {
            let row = unsafe Int(idOrder[position])
            if isWanted(row) { found.append((id(at: row), row)) }
            position += 1
        }
        return found
    }

    /// The first position in id order whose id is not below the record. O(log rows).
    private func firstPosition(notBelow record: PointIDRecord) -> Int {
        var low = 0
        var high = rowCount
        while low < high {
            let middle = (low + high) / 2
            if unsafe ids[Int(idOrder[middle])] < record { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Payload and extras

    func forEachPayload(
        in rows: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try DatabaseError.translating {
            try payloads.forEachRow(in: rows) { row, bytes in
                try unsafe bytes.withUnsafeBytes { unsafe try body(row, $0) }
            }
        }
    }

    func payloadBytes(at row: Int) throws -> [UInt8] {
        try DatabaseError.translating { try payloads.row(row) }
    }

    func extrasBytes(at row: Int) throws -> [UInt8] {
        guard let extras else { return [] }
        return try DatabaseError.translating { try extras.row(row) }
    }

    /// Inverted lists are built from the rows when a search first needs them.
    var sparseFields: [String: SparseField] {
        builtSparseFields.withLock { built in
            if let built { return built }
            let fields = sparseConfigurations.mapValues {
                SparseField(configuration: $0, index: SparseIndex())
            }
            if !fields.isEmpty {
                for row in 0..<rowCount {
                    // A row that cannot be read has no entry; reading it by id says why.
                    guard let vectors = try? self.extras(at: row) else { continue }
                    for case (let name, .sparse(let vector)) in vectors {
                        fields[name]?.index.insert(vector, ordinal: UInt32(row))
                    }
                }
            }
            built = fields
            return fields
        }
    }
}

extension DenseField {
    /// A field of a segment file, its vectors and graph used where they lie or copied to memory.
    fileprivate convenience init(
        _ field: SegmentFile.Metadata.Field, at position: Int, rowCount: Int,
        reader: SegmentReader, isInMemory: Bool
    ) throws {
        let name = SegmentFile.Section.vectors(position)
        var bytes = unsafe try reader.section(name)
        var owner: any AnyObject & Sendable = reader
        if isInMemory, unsafe !bytes.isEmpty {
            try reader.verifySection(name)
            let memory = try ReservedMemory(byteCount: bytes.count, isFilledAtOnce: true)
            unsafe UnsafeMutableRawBufferPointer(start: memory.base, count: bytes.count)
                .copyMemory(from: bytes)
            unsafe bytes = UnsafeRawBufferPointer(start: memory.base, count: bytes.count)
            owner = memory
        }
        guard
            let vectors = unsafe VectorSpace(
                section: bytes, dimension: field.dimension, count: rowCount)
        else {
            throw DatabaseError(
                .corruption,
                "\(reader.path): section \(name): too short for \(rowCount) vectors of "
                    + "\(field.dimension) floats")
        }
        var presence: Presence?
        if field.absentCount > 0 {
            unsafe presence = Presence(
                base: try reader.array(SegmentFile.Section.presence(position), count: rowCount),
                owner: reader, absentCount: field.absentCount)
        }
        let index =
            field.hasGraph
            ? try reader.graph(
                at: position, over: vectors, rowCount: rowCount, isInMemory: isInMemory,
                owner: owner) : nil
        self.init(
            name: field.name, metric: field.metric, vectors: vectors, index: index,
            presence: presence, owner: owner)
    }
}

/// Keeps two things alive.
private final class OwnerPair: Sendable {
    private let first: any AnyObject & Sendable
    private let second: any AnyObject & Sendable

    init(_ first: any AnyObject & Sendable, _ second: any AnyObject & Sendable) {
        self.first = first
        self.second = second
    }
}

extension SegmentReader {
    /// The graph of a field.
    fileprivate func graph(
        at position: Int, over vectors: VectorSpace, rowCount: Int, isInMemory: Bool,
        owner: any AnyObject & Sendable
    ) throws -> HNSWIndex {
        var sections: [HNSWFormat.Section: UnsafeRawBufferPointer] = unsafe [:]
        for part in HNSWFormat.Section.allCases {
            let section = SegmentFile.Section.graph(position, part)
            try verifySection(section)
            unsafe sections[part] = try self.section(section)
        }
        do {
            return unsafe try HNSWIndex.open(
                sections: sections, vectors: vectors, vectorCount: rowCount,
                residency: isInMemory ? .memory(capacity: rowCount) : .mapped,
                owner: OwnerPair(self, owner))
        } catch {
            throw DatabaseError(.corruption, "\(path): section graph.\(position): \(error)")
        }
    }
}

extension SegmentReader {
    /// A section as `count` values, checked against its checksum and size.
    fileprivate func array<Element: BitwiseCopyable>(
        _ name: String, count: Int
    ) throws -> UnsafePointer<Element> {
        try verifySection(name)
        let bytes = unsafe try section(name)
        guard bytes.count == count * MemoryLayout<Element>.stride else {
            throw DatabaseError(
                .corruption,
                "\(path): section \(name) has \(bytes.count) bytes, expected \(count) times "
                    + "\(MemoryLayout<Element>.stride)")
        }
        guard let start = bytes.baseAddress else {
            // No rows, no bytes: nothing reads through this pointer.
            return unsafe UnsafePointer(UnsafeMutablePointer<Element>.allocate(capacity: 1))
        }
        return unsafe start.assumingMemoryBound(to: Element.self)
    }
}
