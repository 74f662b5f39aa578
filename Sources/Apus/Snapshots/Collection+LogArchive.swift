public import ApusCore
internal import ApusStorage
internal import Synchronization

/// How far the archive of a collection's log has come.
public struct LogArchiveState: Hashable, Sendable {
    /// Every batch up to this one is in the archive, as far as this process knows.
    public var archivedThrough = SequenceNumber.zero
    /// Why archiving failed the last time; nil: it did not. Log files stay until it succeeds, and
    /// writes go on.
    public var failure: DatabaseError? { logFailure ?? base.failure }

    var logFailure: DatabaseError?
    var base = Base()

    /// Where the snapshot stands that a restore of this log begins with.
    struct Base: Hashable, Sendable {
        /// The archive has it, as far as this process knows.
        var isThere = false
        /// A job will see to that.
        var isQueued = false
        /// Why it could not be made the last time.
        var failure: DatabaseError?
        /// Milliseconds since 1970 before which no job tries again: it reads the whole collection.
        var retryTime: UInt64 = 0

        static let retryDelay: UInt64 = 60_000
    }
}

/// The archive of the log: `log/<collection's directory>/<log id>/<first LSN>-<last LSN>` in a blob
/// store, LSNs in 20 digits. A file that still grows is archived under what it holds; once a longer
/// one with the same beginning is there, the shorter one goes.
extension Collection {
    /// nil: there is no archive.
    public var archiveState: LogArchiveState? {
        context.archive == nil ? nil : logArchive.withLock { $0 }
    }

    /// Removes log files that hold nothing after `lsn`, and before that archives them. Files that
    /// cannot be archived stay, and so do those that readers of changes want.
    func releaseLog(through lsn: SequenceNumber) throws {
        // A seal has asked for a new file: the one before it can go only once that is there.
        log.waitUntilRotated()
        let lsn = try removable(through: lsn)
        guard let archive = context.archive else { return try log.removeFiles(through: lsn) }
        queueBase()
        let archived = logArchive.withLock { state in
            state.note { try archiveClosedFiles(log.filePaths, in: archive, &$0) }
            return state.archivedThrough
        }
        try log.removeFiles(through: min(lsn, archived))
    }

    /// Archives the log up to its last batch.
    func archiveTail() {
        guard let archive = context.archive else { return }
        // When this fails the log has failed, and its durable part is archived.
        try? log.waitUntilDurable(log.lastSequenceNumber)
        logArchive.withLock { state in
            state.note {
                let position = log.durablePosition
                try archiveClosedFiles(position.filePaths, in: archive, &$0)
                guard let newest = position.filePaths.last else { return }
                try archiveNewestFile(newest, through: position.sequenceNumber, in: archive, &$0)
            }
        }
        if writer.withLock({ !$0.isClosed }) { queueBase() }
    }

    // MARK: Before the files go

    /// Takes no more writes, and archives the log to its end: from here on everything that was
    /// acknowledged can be restored from the archive. Does nothing without one.
    ///
    /// Throws when that cannot be done, and goes on taking writes: the log is the only place that
    /// has them.
    func archiveBeforeRemoval() throws {
        guard context.archive != nil else { return }
        writer.withLock { $0.isClosed = true }
        archiveTail()
        guard let failure = logArchive.withLock({ $0.logFailure }) else { return }
        takeWritesAgain()
        throw DatabaseError(
            failure.kind,
            "collection `\(name)` stays, because its log cannot be archived: "
                + "\(failure.plain.message); open the database without an archive to remove it all "
                + "the same")
    }

    /// After `archiveBeforeRemoval()`, when the files stay.
    func takeWritesAgain() {
        guard context.archive != nil else { return }
        writer.withLock { $0.isClosed = false }
    }

    // MARK: The base

    /// Sees to it that the archive has a snapshot that a restore can begin with: one with this log's
    /// id, which a new collection and a restored one do not have yet. A failure is told by
    /// `archiveState`, and later steps try again.
    func archiveBase() {
        guard needsBase else { return }
        context.snapshotWork.withLock { _ in makeBase() }
    }

    /// The same, soon and on the thread for snapshots: a base takes as long as any snapshot.
    func queueBase() {
        guard context.archive != nil else { return }
        let time = context.now()
        let starts = logArchive.withLock { state in
            guard !state.base.isThere, !state.base.isQueued, time >= state.base.retryTime else {
                return false
            }
            state.base.isQueued = true
            return true
        }
        guard starts else { return }
        context.snapshotPool.submit { [self] in
            logArchive.withLock { $0.base.isQueued = false }
            archiveBase()
        }
    }

    private var needsBase: Bool {
        context.archive != nil && !logArchive.withLock { $0.base.isThere }
            && !isDetached.load(ordering: .acquiring)
    }

    /// The same for whoever holds the lock on snapshots.
    func makeBase() {
        guard let archive = context.archive, needsBase else { return }
        let outcome = Result { try storeBase(in: SnapshotStore(blobs: archive)) }
        let time = context.now()
        logArchive.withLock { state in
            switch outcome {
            case .success:
                state.base.isThere = true
                state.base.failure = nil
            case .failure(let error):
                state.base.failure = DatabaseError(causedBy: error)
                state.base.retryTime = time + LogArchiveState.Base.retryDelay
            }
        }
    }

    private func storeBase(in store: SnapshotStore) throws {
        let owner = SnapshotStore.Owner.base(of: name)
        let logID = manifest.withLock { $0.logID.description }
        // Segments that were attached are in no log: a base has them.
        let needed = lastAttach.load(ordering: .acquiring)
        let isThere = try store.listing(of: owner).records.contains { record in
            record.collections.contains {
                $0.collection == name && $0.log == logID && $0.sequenceNumber >= needed
            }
        }
        guard !isThere else { return }
        // The newest snapshot says which log is in force, also when the clock was set back.
        let newest = try newestSnapshotTime(in: [store, context.snapshots])
        var maker = SnapshotMaker(
            store: store, fileSystem: context.fileSystem,
            staging: "\(context.path)/.base-\(CollectionFiles.directoryName(of: name))",
            now: max(context.now(), newest + 1))
        // Closing does not wait for it: the next start makes it.
        maker.isCancelled = { [self] in compactionIsStopped.load(ordering: .acquiring) }
        _ = try maker.make(of: [self], owner: owner, named: name)
    }

    private func newestSnapshotTime(in stores: [SnapshotStore]) throws -> UInt64 {
        let owners: [SnapshotStore.Owner] = [.base(of: name), .collection(name), .database]
        var newest: UInt64 = 0
        for store in stores {
            for owner in owners {
                for record in try store.listing(of: owner).records
                where record.collections.contains(where: { $0.collection == name }) {
                    newest = max(newest, record.createdAt)
                }
            }
        }
        return newest
    }

    // MARK: Files

    private func archiveClosedFiles(
        _ paths: [String], in archive: any BlobStore, _ state: inout LogArchiveState
    ) throws {
        for (path, next) in zip(paths, paths.dropFirst()) {
            guard let first = Self.firstLSN(path), let following = Self.firstLSN(next) else {
                continue
            }
            let last = SequenceNumber(following.rawValue - 1)
            guard last > state.archivedThrough else { continue }
            try put(.file(path: path), first, last, in: archive)
            state.archivedThrough = last
        }
    }

    private func archiveNewestFile(
        _ path: String, through lsn: SequenceNumber, in archive: any BlobStore,
        _ state: inout LogArchiveState
    ) throws {
        guard lsn > state.archivedThrough, let first = Self.firstLSN(path), first <= lsn else {
            return
        }
        let copy = "\(files.directory)/log-tail\(FileName.temporarySuffix)"
        if try context.fileSystem.kind(of: copy) != nil { try context.fileSystem.remove(copy) }
        defer { try? context.fileSystem.remove(copy) }
        try LogFiles.copy(fileSystem: context.fileSystem, path, to: copy, through: lsn)
        try put(.file(path: copy), first, lsn, in: archive)
        state.archivedThrough = lsn
    }

    private func put(
        _ content: BlobContent, _ first: SequenceNumber, _ last: SequenceNumber,
        in archive: any BlobStore
    ) throws {
        let logID = manifest.withLock { $0.logID.description }
        let file = ArchivedLogFile(collection: name, logID: logID, first: first, last: last)
        guard let key = file.key else {
            throw DatabaseError(.internalError, "`\(name)` makes no key")
        }
        _ = try archive.putIfAbsent(key, content)
        for other in try ArchivedLogFile.list(of: name, logID: logID, in: archive)
        where other.first == first && other.last < last {
            guard let key = other.key else { continue }
            try archive.delete(key)
        }
    }

    static func firstLSN(_ path: String) -> SequenceNumber? {
        FileName.firstSequenceNumber(ofWAL: lastName(path))
    }
}

extension LogArchiveState {
    /// Runs a step of archiving, whose failure stops nothing.
    fileprivate mutating func note(_ step: (inout LogArchiveState) throws -> Void) {
        do {
            try step(&self)
            logFailure = nil
        } catch {
            logFailure = DatabaseError(causedBy: error)
        }
    }
}
