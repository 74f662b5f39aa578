internal import ApusCore
internal import ApusStorage
private import Synchronization

/// Turns unpacked files into a collection of its own: a new log id, and a log written anew up to
/// the target. Numbers of batches stay what they were.
///
/// What is restored may go another way than what the snapshot was taken of. With its own id, files
/// of the two can never pass for one another.
struct RestoredCollection {
    let fileSystem: any FileSystem
    /// The unpacked files; becomes the collection's directory.
    let directory: String
    let part: SnapshotRecord.Part

    struct End {
        var sequenceNumber: SequenceNumber
        /// Of the last batch, in milliseconds since 1970; 0: not known.
        var time: UInt64
    }

    /// Makes the directory a collection with everything up to `target`, durable and checked: what
    /// the snapshot has, and what the archived log has after it.
    /// - Throws: `.corruption` when the archived log does not lead to the target though its files
    ///   should; `.notFound` when they end before it.
    func build(_ target: RestoreTarget, from archived: ArchivedLog? = nil) throws -> End {
        let files = CollectionFiles(directory: directory, fileSystem: fileSystem)
        guard var manifest = try files.store.read() else {
            throw DatabaseError(.corruption, "\(directory): no CURRENT file names a manifest")
        }
        guard manifest.logID.description == part.log else {
            throw DatabaseError(
                .corruption, "\(directory): the manifest is not that of the snapshot's log")
        }
        let oldLog = "\(directory)/log.old"
        try fileSystem.rename(files.logDirectory, to: oldLog)
        let logID = LogID.random()
        let (log, _) = unsafe try WriteAheadLog.open(
            fileSystem: fileSystem, directory: files.logDirectory, after: manifest.flushedThrough,
            options: WriteAheadLog.Options(logID: logID), replay: { _, _ in })
        var copy = LogCopy(log: log, limit: target.limit(of: part), after: manifest.flushedThrough)
        do {
            try copySnapshotLog(from: oldLog, of: manifest.logID, &copy)
            if let archived { try copyArchivedLog(archived, of: manifest.logID, &copy) }
        } catch {
            try? log.close()
            throw error
        }
        try log.close()
        try copy.limit.check(copy.end, of: part)
        manifest.logID = logID
        _ = try files.store.commit(manifest)
        try fileSystem.removeTree(oldLog)
        for place in [files.logDirectory, directory] {
            try fileSystem.synchronizeDirectory(place)
        }
        if let fault = StorageCheck.collection(fileSystem: fileSystem, directory: directory).first {
            throw fault
        }
        return copy.end
    }

    private func copySnapshotLog(
        from directory: String, of logID: LogID, _ copy: inout LogCopy
    ) throws {
        try copy.replay(fileSystem, directory, of: logID)
        let end = copy.end.sequenceNumber
        guard copy.isOver || end.rawValue == part.sequenceNumber else {
            throw DatabaseError(
                .corruption,
                "the log in the snapshot of collection `\(part.collection)` ends at batch \(end), "
                    + "expected \(part.sequenceNumber)")
        }
    }

    /// The files have no checksum but those of their records: they are believed only as far as each
    /// can be read, and that must be as far as their names say.
    private func copyArchivedLog(
        _ archived: ArchivedLog, of logID: LogID, _ copy: inout LogCopy
    ) throws {
        guard !copy.isOver else { return }
        if !archived.files.isEmpty {
            let directory = "\(directory)/log.archived"
            try archived.copyFiles(to: directory, fileSystem: fileSystem)
            do {
                try copy.replay(fileSystem, directory, of: logID)
            } catch let error as StorageError where error.kind == .corrupt {
                throw archived.damage(behind: copy.end.sequenceNumber, at: error.offset)
            } catch let error as MalformedBytes where !error.isNewerFormat {
                throw archived.damage(behind: copy.end.sequenceNumber)
            }
            try fileSystem.removeTree(directory)
        }
        if !copy.isOver { try archived.checkIsRead(through: copy.end.sequenceNumber) }
    }
}

/// The new log, and how far it has come.
private struct LogCopy {
    private let log: WriteAheadLog
    let limit: RestoreLimit
    private(set) var end: RestoredCollection.End
    /// The target is reached: what follows does not matter, nor whether it can be read.
    private(set) var isOver: Bool

    init(log: WriteAheadLog, limit: RestoreLimit, after lsn: SequenceNumber) {
        self.log = log
        self.limit = limit
        end = RestoredCollection.End(sequenceNumber: lsn, time: 0)
        isOver = limit.isReached(by: lsn)
    }

    /// Goes on with the log files of a directory, to their end or to the target.
    mutating func replay(
        _ fileSystem: any FileSystem, _ directory: String, of logID: LogID
    ) throws {
        guard !isOver else { return }
        do {
            _ = unsafe try LogFiles.replay(
                fileSystem: fileSystem, directory: directory, after: end.sequenceNumber,
                logID: logID
            ) { lsn, bytes in
                unsafe try append(lsn, bytes)
            }
        } catch is TargetReached {
            isOver = true
        }
    }

    private mutating func append(_ lsn: SequenceNumber, _ bytes: UnsafeRawBufferPointer) throws {
        var reader = unsafe ByteReader(bytes)
        let (time, positions) = try WriteBatch.readHead(&reader)
        guard lsn <= limit.sequenceNumber, time <= limit.time else { throw TargetReached() }
        guard positions.lastAttach != lsn else {
            throw DatabaseError(
                .failedPrecondition,
                "batch \(lsn) attached segments, which are in no log: restore to batch "
                    + "\(end.sequenceNumber) or before, or to one that a snapshot from after "
                    + "batch \(lsn) leads to")
        }
        let copy = unsafe try log.append(Array(bytes))
        guard copy == lsn else {
            throw DatabaseError(
                .internalError, "batch \(lsn) became \(copy) while its log was copied")
        }
        end = RestoredCollection.End(sequenceNumber: lsn, time: time)
        if limit.isReached(by: lsn) { throw TargetReached() }
    }

    /// Ends the reading of a log.
    private struct TargetReached: Error {}
}

/// The last batch that a restore may have.
private struct RestoreLimit {
    var sequenceNumber = SequenceNumber(1 << 62)
    var time = UInt64.max
    /// Whether the batch `sequenceNumber` must be there.
    var isExact = false

    /// Whether no batch can come after this one.
    func isReached(by lsn: SequenceNumber) -> Bool { isExact && lsn == sequenceNumber }

    func check(_ end: RestoredCollection.End, of part: SnapshotRecord.Part) throws {
        guard isExact, end.sequenceNumber != sequenceNumber else { return }
        throw DatabaseError(
            .notFound,
            "Not found: batch \(sequenceNumber) of collection `\(part.collection)`: what is there "
                + "ends at \(end.sequenceNumber)")
    }
}

extension RestoreTarget {
    fileprivate func limit(of part: SnapshotRecord.Part) -> RestoreLimit {
        switch self {
        case .snapshot:
            RestoreLimit(sequenceNumber: SequenceNumber(part.sequenceNumber), isExact: true)
        case .latest: RestoreLimit()
        case .sequenceNumber(let number): RestoreLimit(sequenceNumber: number, isExact: true)
        case .time(let time): RestoreLimit(time: time.milliseconds)
        }
    }
}
