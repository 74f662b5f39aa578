package import ApusCore

/// The log of a collection: batches in order, each durable before it is acknowledged.
///
/// `append` numbers a batch and hands it to the log's own thread. The thread writes everything that
/// waits, syncs once for all of it (group commit), and then calls the completions. All methods may
/// be called from any thread.
///
/// A full disk refuses single appends and nothing else: a batch gets its number only when the space
/// for its record is allocated (docs/adr/0007), and appends go on when there is room again.
///
/// After a write or sync that failed otherwise the log is failed for good: every append and wait
/// from then on throws that error. A sync that failed cannot be repeated (the system may have
/// dropped the pages), and batches that were numbered after the failed one cannot be taken back.
/// Reopening the log recovers exactly what is on disk, which holds every batch that was reported
/// durable; it may hold batches whose wait failed.
package final class WriteAheadLog: Sendable {
    /// When a batch is acknowledged.
    package enum Durability: Hashable, Sendable {
        /// When it is on disk.
        case sync
        /// When it is handed to the system. It is on disk at most so many milliseconds later, plus
        /// the time of a sync, also when nothing more is written: so much can be lost with the
        /// power, and nothing when only the process dies.
        case async(maxDelayMilliseconds: Int)

        /// How long a record that was written may wait for its sync.
        var delayMax: Duration {
            switch self {
            case .sync: .zero
            case .async(let milliseconds): .milliseconds(max(0, milliseconds))
            }
        }
    }

    package struct Options: Sendable {
        /// The collection's id, from its manifest.
        package var logID: LogID
        /// When `whenCommitted` completes; `durability` of the log changes it later.
        package var durability = Durability.sync
        /// A file that has grown to this size is followed by a new one, when there is space.
        package var fileByteCountMax: UInt64 = 64 << 20
        /// `append` waits for the disk while more than this is not written.
        package var pendingByteCountMax = 64 << 20
        /// The file's space is allocated in steps between these bounds, which grow with what is
        /// written: a log that is hardly used takes little.
        package var allocationByteCountMin: UInt64 = 64 << 10
        package var allocationByteCountMax: UInt64 = 16 << 20
        /// Space that only batches with `mayUseReserve` may take, so that points can be deleted
        /// when the disk is full.
        package var reserveByteCount: UInt64 = 64 << 10
        /// The log's thread ends after such a time without work; the next append starts another.
        package var idleMillisecondsMax = 2_000
        /// Told how long syncs take and how much is written.
        package var meters: EngineMeters?
        /// A directory without log files is corrupt, not new: set when the log was created before.
        package var mustExist = false

        package init(logID: LogID) { self.logID = logID }
    }

    /// What `open` found.
    package struct Recovery: Hashable, Sendable {
        package var lastSequenceNumber: SequenceNumber
        /// Batches given to `replay`.
        package var replayedCount: Int
        package var fileCount: Int
        /// The remains of an unacknowledged group that were cut off the last file.
        package var tornByteCount: Int
    }

    package typealias Completion = @Sendable (Result<Void, StorageError>) -> Void

    private let core: WALCore

    private init(core: WALCore) { self.core = core }

    /// Stops the thread; what is pending is still written. `close()` also waits and reports errors.
    deinit { core.requestClose() }

    /// Opens the log in `directory` (made when it is not there), replays every batch after `after`
    /// in order, and makes what it replayed durable.
    ///
    /// Throws `.corrupt` when acknowledged batches are missing or damaged, `.newerFormat`, errors of
    /// the system, and what `replay` throws. An empty directory gives a log that starts after
    /// `after`, unless the options say that it must exist. The bytes that `replay` gets are valid only during the call.
    package static func open(
        fileSystem: any FileSystem = PosixFileSystem(), directory: String, after: SequenceNumber,
        options: Options, replay: (SequenceNumber, UnsafeRawBufferPointer) throws -> Void
    ) throws -> (log: WriteAheadLog, recovery: Recovery) {
        try fileSystem.makeDirectoryIfNeeded(directory)
        try removeDrafts(fileSystem, directory)
        // A process that was killed may have left the name of its newest file unsynced. Batches that
        // are replayed from it, or appended to it, must not go with that name.
        try fileSystem.synchronizeDirectory(directory)
        let scan = unsafe try WALScan(
            fileSystem: fileSystem, directory: directory, after: after, logID: options.logID,
            replay: replay)
        if options.mustExist, scan.files.isEmpty {
            throw StorageError.lostBatches(directory, "the log has no files")
        }
        var files = scan.files
        if let newest = files.last, scan.validByteCount == nil {
            try fileSystem.remove(newest.path)
            files.removeLast()
        }
        var writer: WALFileWriter?
        if let newest = files.last, let validByteCount = scan.validByteCount, !scan.isBehind {
            writer = try WALFileWriter(
                continuing: newest, fileSystem: fileSystem, logID: options.logID,
                validByteCount: validByteCount, last: scan.last,
                endsWithSyncMark: scan.endsWithSyncMark)
            try writer?.synchronizeAndMark()
        } else if let created = try beginFile(fileSystem, directory, scan.last.next, options) {
            writer = created
            files.append(WALScan.FileEntry(first: created.first, path: created.path))
        }
        let core = WALCore(
            fileSystem: fileSystem, directory: directory, options: options, files: files,
            writer: writer, last: scan.last)
        let recovery = Recovery(
            lastSequenceNumber: scan.last, replayedCount: scan.recordCount,
            fileCount: files.count, tornByteCount: scan.tornByteCount)
        return (WriteAheadLog(core: core), recovery)
    }

    /// A file without space for records yet; nil: the disk is full, and the log was there before,
    /// so that it can be opened for reading. The first append tries again.
    private static func beginFile(
        _ fileSystem: any FileSystem, _ directory: String, _ first: SequenceNumber,
        _ options: Options
    ) throws(StorageError) -> WALFileWriter? {
        do throws(StorageError) {
            let draft = try WALFileDraft(
                fileSystem: fileSystem, directory: directory, first: first, logID: options.logID,
                freeByteCount: 0)
            return try draft.publish()
        } catch  where error.kind == .outOfSpace && options.mustExist {
            return nil
        }
    }

    /// Removes files whose creation was cut off.
    private static func removeDrafts(
        _ fileSystem: any FileSystem, _ directory: String
    ) throws(StorageError) {
        for name in try fileSystem.list(directory) where name.hasSuffix(FileName.temporarySuffix) {
            try fileSystem.remove("\(directory)/\(name)")
        }
    }

    /// Numbers a batch and hands it to the log's thread, which writes it soon, whether anybody waits
    /// or not. Does not wait for the disk, unless more than `pendingByteCountMax` bytes are not
    /// written yet, or space has to be allocated first.
    ///
    /// Throws `.outOfSpace` when the disk has no room for the batch; nothing has changed then.
    /// Batches that free space in the end (deletions) may use the reserve that others leave.
    package func append(
        _ payload: [UInt8], mayUseReserve: Bool = false
    ) throws(StorageError) -> SequenceNumber {
        try core.append(payload, mayUseReserve: mayUseReserve)
    }

    /// Calls `completion` once every batch up to `lsn` may be acknowledged, as `durability` says,
    /// or the log has failed.
    ///
    /// Completions are called in order of `lsn`, outside of locks: on the log's thread, or at once
    /// on the caller's when there is nothing to wait for. They must be short, since the next group
    /// waits for them, and must not call `close()` or wait for the log.
    package func whenCommitted(_ lsn: SequenceNumber, _ completion: @escaping Completion) {
        core.whenCommitted(lsn, completion)
    }

    /// The same once every batch up to `lsn` is on disk, whatever the durability; does not wait for
    /// the delay that `.async` allows, unless it is not `hurrying`.
    package func whenDurable(
        _ lsn: SequenceNumber, hurrying: Bool = true, _ completion: @escaping Completion
    ) {
        core.whenDurable(lsn, hurrying: hurrying, completion)
    }

    /// Blocks until every batch up to `lsn` is on disk, whatever the durability.
    package func waitUntilDurable(_ lsn: SequenceNumber) throws(StorageError) {
        try core.waitUntilDurable(lsn)
    }

    /// The last batch that was appended.
    package var lastSequenceNumber: SequenceNumber { core.lastSequenceNumber }

    /// Every batch up to this one is on disk.
    package var durableSequenceNumber: SequenceNumber { core.durableSequenceNumber }

    /// May be changed at any time. Batches that wait for a sync when `.sync` is set get it at once.
    package var durability: Durability {
        get { core.durability }
        set { core.durability = newValue }
    }

    /// Why the log takes no more batches; nil: it does.
    package var failure: StorageError? { core.failure }

    /// The batches from the next one on go to a new file, unless the disk is full. Does not wait.
    package func rotate() { core.rotate() }

    /// Blocks until `rotate()` has had its effect, as far as the disk allows, or the log has failed
    /// or is being closed: then the file before is in `filePaths` and closed.
    package func waitUntilRotated() { core.waitUntilRotated() }

    /// Deletes the files that hold nothing after `lsn`; never the newest.
    package func removeFiles(through lsn: SequenceNumber) throws(StorageError) {
        try core.removeFiles(through: lsn)
    }

    /// `durableSequenceNumber` and `filePaths` of one moment: the batch is in one of the files.
    package var durablePosition: (sequenceNumber: SequenceNumber, filePaths: [String]) {
        core.monitor.withLock { ($0.durable, $0.files.map(\.path)) }
    }

    /// The paths of the log's files, oldest first.
    package var filePaths: [String] { core.filePaths }

    /// Makes every batch durable and ends the log; the file has no space ahead any more. Later
    /// calls do nothing.
    package func close() throws(StorageError) { try core.close() }
}
