internal import ApusCore
internal import ApusStorage

/// Chooses the snapshots that a restore begins with: of each collection the newest at or before the
/// target.
struct PointInTime {
    struct Base {
        var part: SnapshotRecord.Part
        var store: SnapshotStore
        var createdAt: UInt64
        /// Made for the archive of a log: the first of a log comes right after the creation of its
        /// collection.
        var isArchiveBase = false
    }

    /// Oldest first; of those made at one moment the one that goes further comes later.
    private let bases: [Base]
    private let unreadable: [SnapshotListing.Unreadable]

    init(_ listings: [(store: SnapshotStore, listing: SnapshotListing)]) {
        bases = listings.flatMap { store, listing in
            listing.entries.flatMap { entry in
                entry.record.collections.map {
                    Base(
                        part: $0, store: store, createdAt: entry.record.createdAt,
                        isArchiveBase: entry.isBase)
                }
            }
        }.sorted {
            ($0.createdAt, $0.part.sequenceNumber) < ($1.createdAt, $1.part.sequenceNumber)
        }
        unreadable = listings.flatMap(\.listing.unreadable)
    }

    /// The names of all collections that have a snapshot.
    var collections: [String] { Set(bases.map(\.part.collection)).sorted() }

    /// Throws when a snapshot of one of the collections, or of any with nil, cannot be read: it may
    /// be the one to begin with.
    func checkIsReadable(_ collections: [String]?) throws {
        let damaged = unreadable.first { record in
            guard let collections, let collection = record.collection else { return true }
            return collections.contains(collection)
        }
        guard let damaged else { return }
        throw DatabaseError(
            damaged.reason.kind,
            "\(damaged.reason.message); it may be the snapshot to begin with: choose another with "
                + "--snapshot, or delete this record")
    }

    /// The newest snapshot of a collection at or before the target.
    ///
    /// A collection that was restored or made anew has another log since. For a time the log in
    /// force at that time counts, otherwise that of the newest snapshot.
    func base(of collection: String, _ target: RestoreTarget) throws -> Base {
        let all = bases.filter { $0.part.collection == collection }
        guard let newest = all.last else {
            throw DatabaseError(.notFound, "Not found: no snapshot of collection `\(collection)`")
        }
        let base: Base? =
            switch target {
            case .snapshot: newest
            case .latest: newest
            case .sequenceNumber(let number):
                all.filter {
                    $0.part.log == newest.part.log && $0.part.sequenceNumber <= number.rawValue
                }.max { $0.part.sequenceNumber < $1.part.sequenceNumber }
            case .time(let time):
                all.last {
                    $0.createdAt <= time.milliseconds && $0.part.time <= time.milliseconds
                }
            }
        guard let base else {
            throw DatabaseError(
                .notFound,
                "Not found: a snapshot of collection `\(collection)` at or before the target; the "
                    + "oldest is of batch \(all[0].part.sequenceNumber), made at "
                    + "\(Timestamp(milliseconds: all[0].createdAt))")
        }
        return base
    }

    /// When a collection was made, if that is known and after the target: it was not there then.
    func creation(of collection: String, after target: RestoreTarget) -> Timestamp? {
        guard case .time(let time) = target,
            let oldest = bases.first(where: { $0.part.collection == collection }),
            oldest.isArchiveBase, oldest.part.sequenceNumber == 0,
            oldest.createdAt > time.milliseconds
        else { return nil }
        return Timestamp(milliseconds: oldest.createdAt)
    }
}
