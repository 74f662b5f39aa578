internal import ApusCore
internal import ApusIndex
internal import ApusKernels
internal import ApusStorage
private import Synchronization

/// A segment that is a file: mapped, immutable but for deletion marks, shared by all readers.
///
/// Opening reads what says where things lie, in time that does not depend on the number of rows.
/// Each part is verified, checksum and structure, before its first use: ids, order and versions by
/// `prepareRows()`, which every view calls; a dense field when a search or a background step first
/// asks for it; payload block by block whenever it is read. Damage to ids, versions or vectors
/// throws `SegmentDamage`; damage to what is derived (graphs, orders, lists) is done without, and told
/// by `faults`.
@safe
final class SealedSegment: Segment, @unchecked Sendable {
    let number: UInt64
    /// Of the collection.
    let directory: String
    let rowCount: Int
    let deletions: RowDeletions
    let filterCache: FilterCache
    let hasExtras: Bool

    // Sendable: `rows` changes once, under `preparation`, before `isPrepared` is stored with
    // release order; nobody looks at them before loading that. Deletion marks are atomic, the rest
    // is constant or behind a lock.
    private let reader: SegmentReader
    private let rows: SealedRows
    private let isPrepared = Atomic<Bool>(false)
    private let preparation = OnDemand<Void>()
    private let metadata: SegmentFile.Metadata
    /// The sizes of the file's sections.
    private let fileUsage: StorageUsage
    private let fields: SealedFields
    private let payloads = OnDemand<RowBlockReader>()
    private let payloadIndexes: SealedPayloadIndexes
    private let extras = OnDemand<RowBlockReader>()
    private let sparse: SealedSparseFields
    private let foundFaults = Mutex<[String]>([])

    /// Maps the file and checks what is where.
    /// - Parameter source: the segment that was written to the file, whose deletion marks and
    ///   filter results go on here; nil: all rows live.
    /// - Parameter memoryIsBounded: fields are served from the file until there is known to be room
    ///   for them; otherwise their first use brings them to where the configuration wants them.
    init(
        path: String, fileSystem: any FileSystem, number: UInt64,
        replacing source: (any SegmentSource)?,
        configuration: CollectionConfiguration, memoryIsBounded: Bool = false
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
        directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        self.metadata = metadata
        fileUsage = SegmentFile.usage(of: reader)
        rowCount = count
        deletions = try source?.deletions ?? RowDeletions(capacity: count)
        filterCache = source?.filterCache ?? FilterCache()
        hasExtras = metadata.hasExtras
        rows = try SealedRows(reader, count: count)
        for (position, field) in metadata.fields.enumerated() {
            try SegmentFile.check(field, at: position, rowCount: count, in: reader, configuration)
        }
        fields = SealedFields(
            metadata.fields, of: reader, rowCount: count, configuration: configuration,
            handedOver: source?.denseFields ?? [:], startsMapped: memoryIsBounded)
        sparse = SealedSparseFields(
            metadata.sparseFields ?? [], of: reader, rowCount: count,
            configurations: configuration.sparseVectors)
        payloadIndexes = SealedPayloadIndexes(
            metadata.indexedFields ?? [], of: reader, rowCount: count)
        // What was just written is read back before anything is told to rely on it.
        if source != nil { try prepareRows() }
    }

    /// Parts that are done without, one sentence each.
    var faults: [String] { foundFaults.withLock { $0 } }

    private func note(_ fault: DatabaseError, consequence: String) {
        foundFaults.withLock { faults in
            let text = "\(fault.message): \(consequence)"
            if !faults.contains(text) { faults.append(text) }
        }
    }

    private func damage(_ cause: any Error) -> SegmentDamage {
        SegmentDamage(segment: self, cause: DatabaseError(causedBy: cause))
    }

    // MARK: Dense fields

    /// Every dense field; verifies those that were not used before.
    var denseFields: [String: DenseField] {
        get throws {
            var result: [String: DenseField] = [:]
            for position in metadata.fields.indices {
                let field = try field(at: position)
                result[field.name] = field
            }
            return result
        }
    }

    func denseField(_ name: String) throws -> DenseField? {
        guard let position = metadata.fields.firstIndex(where: { $0.name == name }) else {
            return nil
        }
        return try field(at: position)
    }

    /// Of fields that were not used yet, what the file says.
    var indexedVectorCount: Int { fields.indexedVectorCount }

    private func field(at position: Int) throws -> DenseField {
        do {
            return try fields.field(at: position) { note($0, at: position) }
        } catch  where DatabaseError(causedBy: error).isOfFiles {
            throw damage(error)
        }
    }

    private func note(_ loaded: SegmentFile.LoadedField, at position: Int) {
        let name = metadata.fields[position].name
        if let damage = loaded.graphDamage {
            note(
                damage,
                consequence: "searches of `\(name)` compare every vector of segment \(number)")
        }
        if let damage = loaded.codesDamage {
            note(damage, consequence: "codes of `\(name)` are made from its vectors")
        }
        if let damage = loaded.recallDamage {
            note(damage, consequence: "the recall of searches of `\(name)` is not known")
        }
    }

    /// Verifies the next part that was not used yet, makes the next payload index that the file
    /// lacks, or moves the next field to where the settings want it; false when there is nothing left
    /// to do. Searches go on meanwhile, and wait only for the part that they need.
    func loadNextPart(
        _ indexedFields: [PayloadPath: PayloadFieldSchema], hasMemory: (_ byteCount: Int) -> Bool
    ) throws -> Bool {
        if !isPrepared.load(ordering: .acquiring) {
            try prepareRows()
            return true
        }
        if let next = fields.firstUnused {
            _ = try field(at: next)
            return true
        }
        payloadIndexes.keepOnly(indexedFields)
        if let (field, schema) = payloadIndexes.firstUnused(of: indexedFields) {
            // Payload that cannot be read is told by what reads it.
            _ = try? payloadIndex(of: field, schema)
            return true
        }
        if let name = sparse.firstUnused {
            _ = try? sparseField(name)
            return true
        }
        do {
            return try fields.moveNext(hasMemory: hasMemory)
        } catch {
            // What is in use was verified; only the way back to the file is barred.
            note(
                DatabaseError(causedBy: error),
                consequence: "a field of segment \(number) stays where it is")
            return true
        }
    }

    /// Bytes of the file.
    var byteCount: Int { reader.byteCount }

    /// Compares every byte of the file with its checksums; throws `SegmentDamage`.
    func verify() throws {
        if let fault = reader.verify().first { throw damage(fault) }
    }

    /// Takes over where the settings want fields; `loadNextPart` does the work.
    func want(_ configuration: CollectionConfiguration) { fields.want(configuration) }

    /// Fields that should be in memory, which has no room for them.
    var fieldsKeptMapped: [String] { fields.keptMapped }

    // MARK: Memory

    var usage: StorageUsage {
        var usage = fileUsage
        usage[.payload].memory = payloadIndexes.memoryByteCount
        // Marks lie in memory that is used page by page.
        usage[.ids].memory = min(8 * rowCount, 4096 * deletions.count)
        usage[.sparse].memory = sparse.memoryByteCount
        return usage
    }

    var residentFields: [DenseField] { fields.resident }

    // MARK: Rows

    func prepareRows() throws {
        if isPrepared.load(ordering: .acquiring) { return }
        do {
            try preparation.value {
                if let fault = try rows.verify() {
                    note(fault, consequence: "the order was made again in memory")
                }
                isPrepared.store(true, ordering: .releasing)
            }
        } catch {
            throw damage(error)
        }
    }

    func writtenCount(through lsn: SequenceNumber) -> Int { rowCount }

    func id(at row: Int) -> PointID { rows.id(at: row) }

    /// Its rows by ascending id, those of one point ascending. After `prepareRows()`.
    var rowsByID: some RandomAccessCollection<Int> {
        (0..<rowCount).lazy.map { [rows] in rows.row(atPosition: $0) }
    }

    func version(at row: Int) -> SequenceNumber { rows.version(at: row) }

    func row(of id: PointID, at lsn: SequenceNumber) -> Int? {
        let record = PointIDRecord(id)
        var position = rows.firstPosition(notBelow: record)
        // Rows of one point stand together; at most one of them is visible.
        while position < rowCount {
            let row = rows.row(atPosition: position)
            guard rows.record(at: row) == record else { return nil }
            if deletions.isVisible(row, at: lsn) { return row }
            position += 1
        }
        return nil
    }

    func rows(of id: PointID) -> [Int] {
        let record = PointIDRecord(id)
        let first = rows.firstPosition(notBelow: record)
        return (first..<rowCount).lazy.map { self.rows.row(atPosition: $0) }
            .prefix { self.rows.record(at: $0) == record }.map(\.self)
    }

    func rowsInIDOrder(
        from start: PointID?, limit: Int, writtenCount: Int, isWanted: (Int) -> Bool
    ) -> [(id: PointID, row: Int)] {
        var found: [(id: PointID, row: Int)] = []
        var position = start.map { rows.firstPosition(notBelow: PointIDRecord($0)) } ?? 0
        while position < rowCount, found.count < limit {
            let row = rows.row(atPosition: position)
            if isWanted(row) { found.append((id(at: row), row)) }
            position += 1
        }
        return found
    }

    // MARK: Payload indexes

    func indexedRows(_ fields: [PayloadPath: PayloadFieldSchema]) -> [IndexedRows] {
        [
            IndexedRows(rows: 0..<rowCount) { field in
                guard let schema = fields[field] else { return nil }
                return try self.payloadIndex(of: field, schema)
            }
        ]
    }

    private func payloadIndex(
        of field: PayloadPath, _ schema: PayloadFieldSchema
    ) throws -> PayloadIndex {
        try payloadIndexes.index(
            of: field, schema,
            note: { note($0, consequence: "the index of payload field `\(field)` is made again") },
            make: { try madePayloadIndex(of: field, schema) })
    }

    private func madePayloadIndex(
        of field: PayloadPath, _ schema: PayloadFieldSchema
    ) throws -> PayloadIndex {
        var builder = PayloadIndexBuilder(field, schema, rowCount: rowCount)
        unsafe try forEachPayload(in: 0..<rowCount) { row, bytes in
            builder.add(unsafe EncodedPayload(bytes), at: row)
        }
        return try PayloadIndex(copying: builder.encoded(), of: field, schema)
    }

    /// Payload fields whose index in the file is not that of the payload there.
    func wrongPayloadIndexes() throws -> [String] {
        try (metadata.indexedFields ?? []).enumerated().compactMap { position, declared in
            guard let field = PayloadPath(declared.field) else { return declared.field }
            var builder = PayloadIndexBuilder(field, declared.schema, rowCount: rowCount)
            unsafe try forEachPayload(in: 0..<rowCount) { row, bytes in
                builder.add(unsafe EncodedPayload(bytes), at: row)
            }
            let found = unsafe try reader.section(SegmentFile.Section.values(position))
            return unsafe builder.encoded().elementsEqual(found) ? nil : declared.field
        }
    }

    // MARK: Payload and extras

    func forEachPayload(
        in rows: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try reading {
            try payloadReader().forEachRow(in: rows) { row, bytes in
                try unsafe bytes.withUnsafeBytes { unsafe try body(row, $0) }
            }
        }
    }

    func payloadBytes(at row: Int) throws -> [UInt8] {
        try reading { try payloadReader().row(row) }
    }

    func extrasBytes(at row: Int) throws -> [UInt8] {
        guard hasExtras else { return [] }
        return try reading { try extrasReader().row(row) }
    }

    func forEachExtras(
        in rows: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard hasExtras else { return }
        try reading {
            try extrasReader().forEachRow(in: rows) { row, bytes in
                try unsafe bytes.withUnsafeBytes { unsafe try body(row, $0) }
            }
        }
    }

    // MARK: Sparse fields

    /// Every sparse field; verifies those that were not used before.
    var sparseFields: [String: SparseField] {
        get throws {
            var result: [String: SparseField] = [:]
            for name in sparse.names { result[name] = try sparseField(name) }
            return result
        }
    }

    func sparseField(_ name: String) throws -> SparseField? {
        try sparse.field(
            name,
            note: { note($0, consequence: "the inverted lists of `\(name)` are made again") },
            make: { try madeLists(of: name) })
    }

    private func madeLists(of name: String) throws -> SparseIndex {
        var lists = SparseListsBuilder([name])
        unsafe try forEachExtras(in: 0..<rowCount) { row, bytes in
            try lists.add(unsafe Array(bytes), at: row)
        }
        return lists.take(name) ?? SparseIndex()
    }

    /// Sparse fields whose lists in the file are not those of the rows there.
    func wrongSparseLists() throws -> [String] {
        try sparse.names.sorted().filter { name in
            guard let section = sparse.section(of: name) else { return false }
            let made = try madeLists(of: name).encoded()
            return unsafe !made.elementsEqual(try reader.section(section))
        }
    }

    private func payloadReader() throws -> RowBlockReader {
        try payloads.value { try rowReader(SegmentFile.Section.payload) }
    }

    private func extrasReader() throws -> RowBlockReader {
        try extras.value { try rowReader(SegmentFile.Section.extras) }
    }

    private func rowReader(_ prefix: String) throws -> RowBlockReader {
        let rows = try RowBlockReader(reader, prefix: prefix)
        guard rows.rowCount == rowCount else {
            throw DatabaseError(
                .corruption,
                "\(reader.path): \(rows.rowCount) rows of \(prefix), expected \(rowCount)")
        }
        return rows
    }

    /// Damage to rows of payload fails the read and is remembered: an answer that depends on bytes
    /// that cannot be read is an error, and the rest goes on.
    private func reading<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as StorageError {
            let fault = DatabaseError(error)
            if fault.kind == .corruption {
                note(fault, consequence: "reads that need these rows of segment \(number) fail")
            }
            throw fault
        }
    }
}
