internal import ApusCore
internal import ApusIndex
internal import ApusStorage
private import Synchronization

/// The payload indexes of a segment file: those that the file has, opened and verified when a filter
/// first needs them, and those that it lacks, because they were declared later, made in memory then.
final class SealedPayloadIndexes: Sendable {
    private let declared: [SegmentFile.Metadata.IndexedField]
    private let reader: SegmentReader
    private let rowCount: Int

    private struct Entry {
        let schema: PayloadFieldSchema
        let index = OnDemand<PayloadIndex>()
    }

    private let entries = Mutex<[PayloadPath: Entry]>([:])

    init(
        _ declared: [SegmentFile.Metadata.IndexedField], of reader: SegmentReader, rowCount: Int
    ) {
        self.declared = declared
        self.reader = reader
        self.rowCount = rowCount
    }

    /// The index of a field. When the file lacks it, or its bytes there are damaged, which `note` is
    /// told, `make` gives it.
    func index(
        of field: PayloadPath, _ schema: PayloadFieldSchema, note: (DatabaseError) -> Void,
        make: () throws -> PayloadIndex
    ) throws -> PayloadIndex {
        let entry = entries.withLock { entries in
            if let entry = entries[field], entry.schema.hasSameIndex(as: schema) { return entry }
            let entry = Entry(schema: schema)
            entries[field] = entry
            return entry
        }
        return try entry.index.value {
            let name = field.description
            if let position = declared.firstIndex(where: {
                $0.field == name && $0.schema.hasSameIndex(as: schema)
            }) {
                do { return try opened(position, field, schema) } catch {
                    let cause = DatabaseError(causedBy: error)
                    guard cause.isOfFiles else { throw cause }
                    note(cause)
                }
            }
            return try make()
        }
    }

    private func opened(
        _ position: Int, _ field: PayloadPath, _ schema: PayloadFieldSchema
    ) throws -> PayloadIndex {
        let name = SegmentFile.Section.values(position)
        try reader.verifySection(name)
        let index: PayloadIndex
        do {
            index = unsafe try PayloadIndex(mapping: reader.section(name), of: field, schema)
        } catch let error as MalformedBytes {
            throw DatabaseError(error, in: "\(reader.path): section \(name)")
        }
        guard index.rowCount == rowCount else {
            throw DatabaseError(
                .corruption,
                "\(reader.path): section \(name) is of \(index.rowCount) rows, expected "
                    + "\(rowCount)")
        }
        return index
    }

    /// A field whose index nobody used yet.
    func firstUnused(
        of fields: [PayloadPath: PayloadFieldSchema]
    ) -> (field: PayloadPath, schema: PayloadFieldSchema)? {
        let used = entries.withLock { $0 }
        for (field, schema) in fields {
            if let entry = used[field], entry.schema.hasSameIndex(as: schema),
                entry.index.isDecided
            {
                continue
            }
            return (field, schema)
        }
        return nil
    }

    /// Forgets indexes of other fields than these.
    func keepOnly(_ fields: [PayloadPath: PayloadFieldSchema]) {
        entries.withLock { entries in
            entries = entries.filter { fields[$0.key] != nil }
        }
    }

    /// Of indexes that were made in memory.
    var memoryByteCount: Int {
        entries.withLock { Array($0.values) }.reduce(0) { sum, entry in
            guard let index = entry.index.present, index.isInMemory else { return sum }
            return sum + index.byteCount
        }
    }
}
