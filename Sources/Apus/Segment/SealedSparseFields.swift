internal import ApusCore
internal import ApusIndex
internal import ApusStorage

/// The sparse fields of a segment file: inverted lists that the file has are opened and verified when
/// a search first needs them, and searched where they lie; those that it lacks, because it was written
/// before there were any, are made in memory then.
final class SealedSparseFields: Sendable {
    private let declared: [String]
    private let reader: SegmentReader
    private let rowCount: Int
    private let configurations: [String: SparseVectorConfiguration]
    private let fields: [String: OnDemand<SparseField>]

    init(
        _ declared: [String], of reader: SegmentReader, rowCount: Int,
        configurations: [String: SparseVectorConfiguration]
    ) {
        self.declared = declared
        self.reader = reader
        self.rowCount = rowCount
        self.configurations = configurations
        fields = configurations.mapValues { _ in OnDemand() }
    }

    var names: some Sequence<String> { fields.keys }

    /// nil: the segment has no such field. When the file lacks its lists, or their bytes are damaged,
    /// which `note` is told, `make` gives them.
    func field(
        _ name: String, note: (DatabaseError) -> Void, make: () throws -> SparseIndex
    ) throws -> SparseField? {
        guard let field = fields[name], let configuration = configurations[name] else { return nil }
        return try field.value {
            SparseField(
                configuration: configuration, index: try lists(name, note: note) ?? make())
        }
    }

    /// nil: the file has none that are of use.
    private func lists(
        _ name: String, note: (DatabaseError) -> Void
    ) throws -> MappedSparseIndex? {
        guard let position = declared.firstIndex(of: name) else { return nil }
        do {
            return try opened(SegmentFile.Section.sparse(position))
        } catch {
            let cause = DatabaseError(causedBy: error)
            guard cause.isOfFiles else { throw cause }
            note(cause)
            return nil
        }
    }

    private func opened(_ section: String) throws -> MappedSparseIndex {
        try reader.verifySection(section)
        let bytes = unsafe try reader.section(section)
        do throws(MalformedBytes) {
            let lists = unsafe try MappedSparseIndex(bytes, owner: reader)
            guard lists.count <= rowCount else {
                throw MalformedBytes(
                    "sparse lists of \(lists.count) vectors in \(rowCount) rows", offset: 8)
            }
            return lists
        } catch {
            throw DatabaseError(error, in: "\(reader.path): section \(section)")
        }
    }

    /// The place of the lists in the file; nil: it has none of that field.
    func section(of name: String) -> String? {
        declared.firstIndex(of: name).map(SegmentFile.Section.sparse)
    }

    /// A field whose lists lie in the file and were not used yet.
    var firstUnused: String? { declared.first { fields[$0]?.isDecided == false } }

    /// Of what was opened or made.
    var memoryByteCount: Int {
        fields.values.reduce(0) { $0 + ($1.present?.index.memoryByteCount ?? 0) }
    }
}

/// Makes the inverted lists of sparse fields from the encoded extras of rows, in their order.
struct SparseListsBuilder {
    private var indexes: [String: SparseIndex]

    init(_ names: some Sequence<String>) {
        indexes = Dictionary(uniqueKeysWithValues: names.map { ($0, SparseIndex()) })
    }

    /// REQUIRES: `row` is above those before.
    func add(_ extras: [UInt8], at row: Int) throws {
        guard !indexes.isEmpty else { return }
        do throws(MalformedBytes) {
            for case (let name, .sparse(let vector)) in try RowExtras.decode(extras) {
                indexes[name]?.insert(vector, ordinal: UInt32(row))
            }
        } catch {
            throw DatabaseError(.corruption, "extras of row \(row): \(error)")
        }
    }

    /// The lists of a field, which are not there any more then.
    mutating func take(_ name: String) -> SparseIndex? { indexes.removeValue(forKey: name) }
}
