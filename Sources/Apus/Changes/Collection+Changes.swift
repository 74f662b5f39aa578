public import ApusCore
internal import ApusStorage
private import Synchronization

/// The changes of a collection, from its log and the log's archive (docs/adr/0034).
extension Collection {
    /// Names the history that numbers of batches belong to. A collection that was dropped and made
    /// again, or restored, has another one.
    public var logID: String { manifest.withLock { $0.logID.description } }

    /// The last batch whose points came as segments: the log leads to no collection past it.
    var lastAttached: SequenceNumber { SequenceNumber(lastAttach.load(ordering: .acquiring)) }

    /// The first batch that `changes` can begin with.
    public var oldestChange: SequenceNumber {
        max(oldestLogged, lastAttached.next)
    }

    private var oldestLogged: SequenceNumber {
        guard let first = log.filePaths.first.flatMap(Self.firstLSN) else { return .zero.next }
        // The newest archived files that follow each other without a gap up to the log.
        var oldest = first
        for file in archivedFiles().reversed() where file.first < oldest {
            guard file.last.next >= oldest else { break }
            oldest = file.first
        }
        return oldest
    }

    /// A reader of every batch after `lsn`, those to come included.
    ///
    /// - Throws: `.gone`, which names the oldest batch that there is, when the log and its archive
    ///   do not go back so far; `.failedPrecondition` when the collection has not come so far.
    public func changes(after lsn: SequenceNumber) throws -> ChangeReader {
        let newest = visibleVersion
        guard lsn <= newest else {
            throw DatabaseError(
                .failedPrecondition,
                "Collection `\(name)` is at version \(newest): there is no version \(lsn) to go on "
                    + "after, so it is not the collection that was followed")
        }
        // First the hold: what is there now stays.
        let hold = logHolds.begin(at: lsn.next)
        guard lsn.next >= oldestChange else {
            logHolds.end(hold)
            throw changeIsGone(lsn.next)
        }
        let id = manifest.withLock { $0.logID }
        return ChangeReader(self, cursor: LogCursor(logID: id, at: lsn.next), hold: hold)
    }

    func changeIsGone(_ lsn: SequenceNumber) -> DatabaseError {
        DatabaseError(
            .gone,
            "Gone: change \(lsn) of collection `\(name)` is not kept; the oldest that is kept is "
                + "\(oldestChange). Take the points of a pinned version and go on after that version"
        )
    }

    /// Returns once a batch that was numbered is on disk. Does not hurry the log of a collection
    /// whose durability is asynchronous.
    package func waitUntilDurable(_ lsn: SequenceNumber) async throws {
        try await withCheckedThrowingContinuation { continuation in
            log.whenDurable(lsn, hurrying: false) { outcome in
                continuation.resume(with: outcome.mapError { DatabaseError($0) })
            }
        }
    }

    /// The log file, or archived one, that has a batch; nil: none has it.
    func openLogFile(with lsn: SequenceNumber) throws -> (any File)? {
        let path = log.filePaths.last { path in
            Self.firstLSN(path).map { $0 <= lsn } ?? false
        }
        if let path {
            do throws(StorageError) {
                return try context.fileSystem.open(path, .read)
            } catch {
                // Removed since; the archive has it, if there is one.
                guard error.kind == .notFound else { throw error }
            }
        }
        return try openArchivedFile(with: lsn)
    }

    /// A copy, whose name is gone already.
    private func openArchivedFile(with lsn: SequenceNumber) throws -> (any File)? {
        guard let archive = context.archive,
            let file = archivedFiles().last(where: { $0.first <= lsn && lsn <= $0.last }),
            let key = file.key, let size = try archive.size(of: key)
        else { return nil }
        let fileSystem = context.fileSystem
        let ticket = archiveCopyCount.wrappingAdd(1, ordering: .relaxed).newValue
        let path = "\(files.directory)/changes-\(ticket)\(FileName.temporarySuffix)"
        let copy = try fileSystem.open(path, .createEmpty)
        defer { try? fileSystem.remove(path) }
        var offset: UInt64 = 0
        while offset < size {
            let piece = try archive.read(key, offset..<min(size, offset + 1 << 20))
            try copy.write(piece, at: offset)
            offset += UInt64(piece.count)
        }
        return copy
    }

    /// By their first batch; of those with the same one the longest. None when the archive cannot
    /// be read.
    private func archivedFiles() -> [ArchivedLogFile] {
        guard let archive = context.archive else { return [] }
        let all = try? ArchivedLogFile.list(of: name, logID: logID, in: archive)
        return ArchivedLog.longest(of: all ?? [])
    }

    /// Through which batch log files may go of those that may go through `lsn` as far as the
    /// manifest is concerned: the others are wanted by readers, or by `logRetentionBytes`.
    func removable(through lsn: SequenceNumber) throws -> SequenceNumber {
        let configuration = context.configuration
        let firstNeeded = logHolds.first
        guard configuration.logRetentionBytes > 0 || firstNeeded != nil else { return lsn }
        let paths = log.filePaths
        var keptBytes: UInt64 = 0
        var through = lsn
        for (path, following) in zip(paths, paths.dropFirst()).reversed() {
            guard let first = Self.firstLSN(path), let next = Self.firstLSN(following),
                next <= lsn.next
            else { continue }
            keptBytes += try context.fileSystem.open(path, .read).size()
            let isUnread = firstNeeded.map { $0 < next } ?? false
            let bound = max(
                configuration.logRetentionBytes, isUnread ? configuration.unreadLogBytesMax : 0)
            guard keptBytes <= UInt64(max(0, bound)) else { break }
            through = SequenceNumber(first.rawValue - 1)
        }
        return through
    }
}
