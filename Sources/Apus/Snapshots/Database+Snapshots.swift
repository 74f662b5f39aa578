internal import ApusCore
package import ApusStorage
private import Synchronization

/// Snapshots. Each call comes in two forms: the synchronous one runs on the calling thread, the
/// `async` one on a thread for this work. They run one after the other; writes and searches go on
/// meanwhile.
extension Collection {
    /// Keeps the collection as it is at this moment, under a name.
    ///
    /// Time: that of reading every byte twice, and those that no snapshot has yet again. Space: that of what no snapshot has yet, and none for
    /// files that can be linked.
    @available(*, noasync, message: "use the async form")
    @discardableResult
    public func createSnapshot() throws -> SnapshotDescription { try makeSnapshot() }

    @discardableResult
    public func createSnapshot() async throws -> SnapshotDescription {
        try await context.performSnapshotWork { [self] in try makeSnapshot() }
    }

    /// The collection's snapshots, oldest first. One whose record is damaged is left out and told
    /// of (`EngineConfiguration.onDamage`).
    public func snapshots() throws -> [SnapshotDescription] {
        try context.snapshotDescriptions(of: .collection(name))
    }

    /// False: there is no snapshot of that name. One whose record is damaged can be deleted too.
    public func deleteSnapshot(_ snapshot: String) throws -> Bool {
        try context.deleteSnapshot(snapshot, of: .collection(name))
    }

    /// The snapshot as one file, piece by piece.
    package func snapshotArchive(
        _ snapshot: String
    ) throws -> (description: SnapshotDescription, stream: ArchiveStream) {
        try context.snapshotArchive(snapshot, of: .collection(name))
    }

    private func makeSnapshot() throws -> SnapshotDescription {
        let description = try context.makeSnapshot(
            of: [self], owner: .collection(name), named: name)
        archiveTail()
        return description
    }
}

extension Database {
    /// Keeps all collections and aliases, each collection as it is at one moment.
    @available(*, noasync, message: "use the async form")
    @discardableResult
    public func createSnapshot() throws -> SnapshotDescription { try makeSnapshot() }

    @discardableResult
    public func createSnapshot() async throws -> SnapshotDescription {
        try await performSnapshotWork { [self] in try makeSnapshot() }
    }

    /// The snapshots of the whole database, oldest first. One whose record is damaged is left out
    /// and told of (`EngineConfiguration.onDamage`).
    public func snapshots() throws -> [SnapshotDescription] {
        try context.snapshotDescriptions(of: .database)
    }

    /// False: there is no snapshot of that name. One whose record is damaged can be deleted too.
    public func deleteSnapshot(_ snapshot: String) throws -> Bool {
        try context.deleteSnapshot(snapshot, of: .database)
    }

    /// The snapshot as one file, piece by piece.
    package func snapshotArchive(
        _ snapshot: String
    ) throws -> (description: SnapshotDescription, stream: ArchiveStream) {
        try context.snapshotArchive(snapshot, of: .database)
    }

    /// Runs long work on the thread for snapshots.
    public func performSnapshotWork<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await context.performSnapshotWork(work)
    }

    private func makeSnapshot() throws -> SnapshotDescription {
        let collections = context.collections.sorted { $0.key < $1.key }.map(\.value)
        let description = try context.makeSnapshot(
            of: collections, owner: .database, named: "full", aliases: context.aliasMap)
        for collection in collections { collection.archiveTail() }
        return description
    }
}

extension EngineContext {
    fileprivate func makeSnapshot(
        of collections: [Collection], owner: SnapshotStore.Owner, named name: String,
        aliases: [String: String]? = nil
    ) throws -> SnapshotDescription {
        try DatabaseError.translating {
            try snapshotWork.withLock { _ in
                let maker = SnapshotMaker(
                    store: snapshots, fileSystem: fileSystem, staging: "\(path)/.snapshot",
                    now: now())
                return try maker.make(
                    of: collections, owner: owner, named: name, aliases: aliases
                ).description
            }
        }
    }

    fileprivate func snapshotDescriptions(
        of owner: SnapshotStore.Owner
    ) throws -> [SnapshotDescription] {
        try DatabaseError.translating {
            let listing = try snapshots.listing(of: owner)
            for damaged in listing.unreadable {
                reportDamage(collection: owner.collection, damaged.reason.message)
            }
            return listing.records.map(\.description)
        }
    }

    /// Once its record is gone the snapshot is: what keeps its contents from being removed is told,
    /// and the next deletion tries again.
    fileprivate func deleteSnapshot(_ name: String, of owner: SnapshotStore.Owner) throws -> Bool {
        let garbage = try DatabaseError.translating {
            try snapshotWork.withLock { _ -> Result<Void, any Error>? in
                guard try snapshots.delete(named: name, of: owner) else { return nil }
                return Result { try snapshots.removeGarbage() }
            }
        }
        guard let garbage else { return false }
        if case .failure(let error) = garbage {
            reportDamage(
                collection: owner.collection,
                "the snapshot `\(name)` is deleted, and the space of its files is not free yet: "
                    + DatabaseError(causedBy: error).plain.message)
        }
        return true
    }

    fileprivate func snapshotArchive(
        _ name: String, of owner: SnapshotStore.Owner
    ) throws -> (description: SnapshotDescription, stream: ArchiveStream) {
        try DatabaseError.translating {
            guard let record = try snapshots.record(named: name, of: owner) else {
                throw DatabaseError.snapshotNotFound(name)
            }
            return (record.description, try snapshots.stream(record))
        }
    }
}

extension SnapshotStore.Owner {
    /// For reports of damage.
    fileprivate var collection: String {
        switch self {
        case .collection(let name), .base(let name): name
        case .database: ""
        }
    }
}

extension DatabaseError {
    static func snapshotNotFound(_ name: String) -> DatabaseError {
        DatabaseError(.notFound, "Not found: Snapshot `\(name)` doesn't exist!")
    }
}
