internal import ApusCore
internal import ApusStorage

/// What there is in a store of snapshots: the records that can be read, and those that cannot.
struct SnapshotListing: Sendable {
    struct Entry: Sendable {
        let key: RelativePath
        let record: SnapshotRecord

        /// Made for the archive of a log, not by a user.
        var isBase: Bool { key.names.first == "bases" }
    }

    struct Unreadable: Sendable {
        let key: RelativePath
        /// Names the file, and says what is wrong with it.
        let reason: DatabaseError

        /// Whose snapshot it is; nil: one of the whole database, or not known.
        var collection: String? {
            let names = key.names
            guard names.count > 2, names[0] != "full" else { return nil }
            return CollectionFiles.collection(ofDirectory: String(names[1]))
        }
    }

    /// Oldest first.
    private(set) var entries: [Entry] = []
    private(set) var unreadable: [Unreadable] = []

    var isEmpty: Bool { entries.isEmpty && unreadable.isEmpty }

    var records: [SnapshotRecord] { entries.map(\.record) }

    fileprivate init(_ keys: [RelativePath], in store: SnapshotStore) {
        for key in keys {
            do {
                guard let record = try store.record(key) else { continue }
                entries.append(Entry(key: key, record: record))
            } catch let error as StorageError where error.kind == .notFound {
                // Deleted since it was listed.
            } catch {
                unreadable.append(
                    Unreadable(key: key, reason: DatabaseError(causedBy: error).plain))
            }
        }
        entries.sort { $0.record.createdAt < $1.record.createdAt }
    }
}

extension SnapshotStore {
    /// All snapshots of an owner.
    func listing(of owner: Owner) throws -> SnapshotListing {
        SnapshotListing(try blobs.list(prefix: owner.prefix + "/"), in: self)
    }

    /// All snapshots of the store.
    func listing() throws -> SnapshotListing {
        let keys = try Self.recordPrefixes.flatMap { try blobs.list(prefix: $0) }
        return SnapshotListing(keys, in: self)
    }
}
