internal import ApusCore
internal import ApusStorage

/// What a restore from a directory of snapshots begins with.
struct RestorePlan {
    private(set) var bases: [PointInTime.Base] = []
    private(set) var aliases: [String: String]?
    private(set) var leftOut: [DatabaseRestore.LeftOut] = []

    private let restore: DatabaseRestore
    private let fileSystem: any FileSystem

    /// - Parameter stores: the restore's source, and where else there may be snapshots.
    /// - Throws: `.notFound` when there is no snapshot to begin with, and what is wrong with a
    ///   record that matters.
    init(
        _ restore: DatabaseRestore, stores: [SnapshotStore], fileSystem: any FileSystem
    ) throws {
        self.restore = restore
        self.fileSystem = fileSystem
        let listings = try stores.map { (store: $0, listing: try $0.listing()) }
        guard let (source, listing) = listings.first,
            !listings.allSatisfy(\.listing.isEmpty)
        else { throw try noSnapshots() }
        if let name = restore.snapshot {
            try use(name, in: listing, of: source)
        } else {
            aliases = listing.entries.last { $0.record.aliases != nil }?.record.aliases
            try choose(PointInTime(listings))
        }
    }

    /// The snapshot of that name; others, damaged or not, do not matter.
    private mutating func use(
        _ name: String, in listing: SnapshotListing, of store: SnapshotStore
    ) throws {
        let named = listing.entries.last { $0.key.name == name || $0.record.name == name }
        guard let record = named?.record else {
            if let damaged = listing.unreadable.first(where: { $0.key.name == name }) {
                throw damaged.reason
            }
            throw DatabaseError.snapshotNotFound(name)
        }
        aliases = record.aliases
        bases = record.collections
            .filter { restore.collections?.contains($0.collection) ?? true }
            .map { PointInTime.Base(part: $0, store: store, createdAt: record.createdAt) }
    }

    /// For each collection the newest snapshot at or before the target. Of a whole database a
    /// collection that was not there at the target's time is left out.
    private mutating func choose(_ point: PointInTime) throws {
        try point.checkIsReadable(restore.collections)
        if let collections = restore.collections {
            bases = try collections.map { try point.base(of: $0, restore.target) }
            return
        }
        for name in point.collections {
            if let time = point.creation(of: name, after: restore.target) {
                leftOut.append(DatabaseRestore.LeftOut(collection: name, createdAt: time))
            } else {
                bases.append(try point.base(of: name, restore.target))
            }
        }
        guard bases.isEmpty, let first = leftOut.min(by: { $0.createdAt < $1.createdAt }) else {
            return
        }
        throw DatabaseError(
            .notFound,
            "Not found: a snapshot at or before the target: no collection was there then; the "
                + "oldest, `\(first.collection)`, was made at \(first.createdAt)")
    }

    /// Most likely the database's directory was given instead of that of its snapshots.
    private func noSnapshots() throws -> DatabaseError {
        let source = restore.source
        var text = "\(source): there are no snapshots in this directory"
        if try fileSystem.kind(of: "\(source)/\(FileName.marker)") != nil {
            let snapshots = "\(source)/\(SnapshotStore.directoryName)"
            text +=
                try fileSystem.kind(of: snapshots) == .directory
                ? ": it is a database, whose snapshots are in \(snapshots)"
                : ": it is a database, and not a directory of snapshots"
        }
        return DatabaseError(.notFound, text)
    }
}
