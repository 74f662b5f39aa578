package import ApusCore

/// The log of a collection: batches in order, each durable before it is acknowledged.
///
/// `append` numbers a batch and hands it to the log's own thread. The thread writes everything that
/// waits, syncs once for all of it (group commit), and then calls the completions. All methods may
/// be called from any thread.
///
/// After any failed write or sync the log is failed for good: every append and wait from then on
/// throws that error, also when the disk was only full. A sync that failed cannot be repeated (the
/// system may have dropped the pages), and batches that were numbered after the failed one cannot
/// be taken back. Reopening the log recovers exactly what is on disk, which holds every batch that
/// was reported durable; it may hold batches whose wait failed.
package final class WriteAheadLog: Sendable {
    package struct Options: Sendable {
        /// The collection's id, from its manifest.
        package var logID: LogID
        /// A file that has grown to this size is followed by a new one.
        package var fileByteCountMax: UInt64 = 64 << 20
        /// `append` waits for the disk while more than this is not written.
        package var pendingByteCountMax = 64 << 20
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
        let scan = unsafe try WALScan(
            fileSystem: fileSystem, directory: directory, after: after, logID: options.logID,
            replay: replay)
        if options.mustExist, scan.files.isEmpty {
            throw StorageError.corrupt(directory, "the log has no files")
        }
        var files = scan.files
        if let newest = files.last, scan.validByteCount == nil {
            try fileSystem.remove(newest.path)
            files.removeLast()
        }
        var writer: WALFileWriter
        if let newest = files.last, let validByteCount = scan.validByteCount, !scan.isBehind {
            writer = try WALFileWriter(
                continuing: newest, fileSystem: fileSystem, logID: options.logID,
                validByteCount: validByteCount, last: scan.last,
                endsWithSyncMark: scan.endsWithSyncMark)
        } else {
            writer = try WALFileWriter(
                creatingIn: directory, fileSystem: fileSystem, first: scan.last.next,
                logID: options.logID)
            files.append(WALScan.FileEntry(first: writer.first, path: writer.path))
        }
        try writer.synchronizeAndMark()
        let core = WALCore(
            fileSystem: fileSystem, directory: directory, options: options, files: files,
            last: scan.last)
        let log = WriteAheadLog(core: core)
        try core.start(writer)
        let recovery = Recovery(
            lastSequenceNumber: scan.last, replayedCount: scan.recordCount,
            fileCount: files.count, tornByteCount: scan.tornByteCount)
        return (log, recovery)
    }

    /// Numbers a batch and hands it to the log's thread, which writes and syncs it soon, whether
    /// anybody waits or not. Does not wait for the disk, unless more than `pendingByteCountMax`
    /// bytes are not written yet.
    package func append(_ payload: [UInt8]) throws(StorageError) -> SequenceNumber {
        try core.append(payload)
    }

    /// Calls `completion` once every batch up to `lsn` is on disk, or the log has failed.
    ///
    /// Completions are called in order of `lsn`, outside of locks: on the log's thread, or at once
    /// on the caller's when there is nothing to wait for. They must be short, since the next group
    /// waits for them, and must not call `close()`.
    package func whenDurable(_ lsn: SequenceNumber, _ completion: @escaping Completion) {
        core.whenDurable(lsn, completion)
    }

    /// Blocks until every batch up to `lsn` is on disk.
    package func waitUntilDurable(_ lsn: SequenceNumber) throws(StorageError) {
        try core.waitUntilDurable(lsn)
    }

    /// The last batch that was appended.
    package var lastSequenceNumber: SequenceNumber { core.lastSequenceNumber }

    /// Every batch up to this one is on disk.
    package var durableSequenceNumber: SequenceNumber { core.durableSequenceNumber }

    /// Why the log takes no more batches; nil: it does.
    package var failure: StorageError? { core.failure }

    /// The batches from the next one on go to a new file. Does not wait; an error fails the log.
    package func rotate() { core.rotate() }

    /// Deletes the files that hold nothing after `lsn`; never the newest.
    package func removeFiles(through lsn: SequenceNumber) throws(StorageError) {
        try core.removeFiles(through: lsn)
    }

    /// The paths of the log's files, oldest first.
    package var filePaths: [String] { core.filePaths }

    /// Makes every batch durable and ends the log. Later calls do nothing.
    package func close() throws(StorageError) { try core.close() }
}
