public import ApusCore
internal import ApusStorage
internal import Synchronization

/// How far the archive of a collection's log has come.
public struct LogArchiveState: Hashable, Sendable {
    /// Every batch up to this one is in the archive, as far as this process knows.
    public var archivedThrough = SequenceNumber.zero
    /// Why archiving failed the last time; nil: it did not. Log files stay until it succeeds, and
    /// writes go on.
    public var failure: DatabaseError?
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
    /// cannot be archived stay.
    func releaseLog(through lsn: SequenceNumber) throws {
        // A seal has asked for a new file: the one before it can go only once that is there.
        log.waitUntilRotated()
        guard let archive = context.archive else { return try log.removeFiles(through: lsn) }
        let archived = logArchive.withLock { state in
            state.note { try archiveClosedFiles(in: archive, &$0) }
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
                try archiveClosedFiles(in: archive, &$0)
                try archiveNewestFile(in: archive, &$0)
            }
        }
    }

    /// What a restore from the archive begins with, for a collection that is new. Without it the
    /// archive is of use from the first snapshot on.
    func archiveBase() {
        guard let archive = context.archive else { return }
        context.snapshotWork.withLock { _ in makeBase(in: archive) }
    }

    private func makeBase(in archive: any BlobStore) {
        logArchive.withLock { state in
            state.note { _ in
                let maker = SnapshotMaker(
                    store: SnapshotStore(blobs: archive), fileSystem: context.fileSystem,
                    staging: "\(context.path)/.base-\(CollectionFiles.directoryName(of: name))",
                    now: context.now())
                _ = try maker.make(of: [self], owner: .base(of: name), named: name)
            }
        }
    }

    private func archiveClosedFiles(
        in archive: any BlobStore, _ state: inout LogArchiveState
    ) throws {
        let paths = log.filePaths
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
        in archive: any BlobStore, _ state: inout LogArchiveState
    ) throws {
        let lsn = log.durableSequenceNumber
        guard lsn > state.archivedThrough, let path = log.filePaths.last,
            let first = Self.firstLSN(path), first <= lsn
        else { return }
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

    private static func firstLSN(_ path: String) -> SequenceNumber? {
        FileName.firstSequenceNumber(ofWAL: lastName(path))
    }
}

extension LogArchiveState {
    /// Runs a step of archiving, whose failure stops nothing.
    fileprivate mutating func note(_ step: (inout LogArchiveState) throws -> Void) {
        do {
            try step(&self)
            failure = nil
        } catch {
            failure = DatabaseError(causedBy: error)
        }
    }
}

/// A log file in the archive.
struct ArchivedLogFile: Hashable, Sendable {
    var collection: String
    var logID: String
    var first: SequenceNumber
    var last: SequenceNumber

    var key: RelativePath? {
        RelativePath(Self.prefix(collection, logID) + "\(digits(first))-\(digits(last))")
    }

    /// All files of one log, by their first batch; of equal ones the shortest first.
    static func list(
        of collection: String, logID: String, in archive: any BlobStore
    ) throws -> [ArchivedLogFile] {
        try archive.list(prefix: prefix(collection, logID)).compactMap { key in
            let parts = key.name.split(separator: "-")
            guard parts.count == 2, let first = UInt64(parts[0]), let last = UInt64(parts[1])
            else { return nil }
            let file = ArchivedLogFile(
                collection: collection, logID: logID, first: SequenceNumber(first),
                last: SequenceNumber(last))
            return file.key == key ? file : nil
        }
    }

    private static func prefix(_ collection: String, _ logID: String) -> String {
        "log/\(CollectionFiles.directoryName(of: collection))/\(logID)/"
    }

    private func digits(_ lsn: SequenceNumber) -> String {
        let text = String(lsn.rawValue)
        return String(repeating: "0", count: max(0, 20 - text.count)) + text
    }
}
