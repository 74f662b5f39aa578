import ApusCore

/// What the log's thread is to do, in this order.
enum WALJob {
    case record(WALFileWriter.Record)
    /// The next record begins a new file.
    case rotation

    var isRotation: Bool { if case .rotation = self { true } else { false } }
}

/// The file operations of a log: allocates, writes, syncs, goes on to the next file.
///
/// Used by one thread at a time: the log's own, and the one that closes a log that rests.
struct WALWorker {
    private let fileSystem: any FileSystem
    private let directory: String
    private let options: WriteAheadLog.Options
    /// nil: there was no space for a file yet.
    private var writer: WALFileWriter?
    /// The last record written.
    private(set) var last: SequenceNumber
    /// Since when there are records that were written and not synced.
    private(set) var unsyncedSince: ContinuousClock.Instant?
    /// Files begun since they were last taken.
    private var newFiles: [WALScan.FileEntry] = []
    /// Bytes of records since the log was opened: a log that is written much allocates more.
    private var writtenByteCount: UInt64 = 0
    /// There was no space for the next file; not tried again before the present one has this size.
    private var rotationByteCountMin: UInt64 = 0

    /// `last` is the number of the last batch, whether it is in the writer's file or not.
    init(
        fileSystem: any FileSystem, directory: String, options: WriteAheadLog.Options,
        writer: WALFileWriter?, last: SequenceNumber
    ) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.options = options
        self.writer = writer
        self.last = last
    }

    /// Everything up to here is on disk.
    var synced: SequenceNumber {
        // Without a writer nothing has been written since the log was opened.
        writer?.synced ?? last
    }

    mutating func takeNewFiles() -> [WALScan.FileEntry] {
        defer { newFiles = [] }
        return newFiles
    }

    /// Gives back memory; for a log that rests.
    mutating func releaseBuffer() { writer?.releaseBuffer() }

    // MARK: Space

    /// How much is allocated at once: as much as was written lately, within bounds.
    private var allocationStep: UInt64 {
        min(max(writtenByteCount, options.allocationByteCountMin), options.allocationByteCountMax)
    }

    /// Whether more should be allocated before anybody has to wait for it.
    func isShortOfSpace(free: UInt64) -> Bool {
        writer != nil && free < options.reserveByteCount + allocationStep / 2
    }

    /// Allocates space so that, where there was `free`, there is at least the upper bound of
    /// `needs`, or else the lower one. Returns how many bytes more there are.
    mutating func allocate(
        _ needs: ClosedRange<UInt64>, free: UInt64
    ) throws(StorageError) -> UInt64 {
        guard needs.upperBound > free else { return 0 }
        let most = needs.upperBound - free
        let least = needs.lowerBound > free ? needs.lowerBound - free : 0
        do throws(StorageError) {
            return try grow(by: most + allocationStep)
        } catch  where error.kind == .outOfSpace {
            // Less than wished may be there.
        }
        do throws(StorageError) {
            return try grow(by: most)
        } catch  where error.kind == .outOfSpace && least < most {
            return try grow(by: least)
        }
    }

    private mutating func grow(by byteCount: UInt64) throws(StorageError) -> UInt64 {
        if var present = writer {
            // A refusal changes the file too, and must be synced like any other change.
            defer { writer = present }
            try present.allocate(freeByteCount: present.freeByteCount + byteCount)
        } else {
            writer = try beginFile(freeByteCount: byteCount)
        }
        return byteCount
    }

    // MARK: Writing

    /// Writes the records, for which there is space; makes them durable if asked.
    mutating func write(_ jobs: [WALJob], synchronizing: Bool) throws(StorageError) {
        for job in jobs {
            switch job {
            case .record(let record):
                guard let byteCount = writer?.byteCount else {
                    preconditionFailure("a batch was numbered without space for it")
                }
                if byteCount >= options.fileByteCountMax { try beginNextFile() }
                writtenByteCount += record.byteCount
                options.meters?.walBytes.wrappingAdd(Int(record.byteCount), ordering: .relaxed)
                last = record.sequenceNumber
                try writer?.append(record)
            case .rotation:
                rotationByteCountMin = 0
                try beginNextFile()
            }
        }
        if synchronizing {
            try synchronize()
        } else {
            try writer?.flush()
            if unsyncedSince == nil, synced < last { unsyncedSince = .now }
        }
    }

    mutating func synchronize() throws(StorageError) {
        let start = ContinuousClock.now
        try writer?.synchronize()
        options.meters?.walSync.record(ContinuousClock.now - start)
        unsyncedSince = nil
    }

    /// Ends the log as it should be found: durable, marked so, and without space behind.
    mutating func close() throws(StorageError) {
        try writer?.close()
        unsyncedSince = nil
    }

    /// After a write that failed: takes off the file again, if that works, what nobody was told of.
    func discard(keepingWritten: Bool) { writer?.discard(keepingWritten: keepingWritten) }

    /// Ends the present file, durable to its last byte, and begins the next, with as much space as
    /// this one has left: that may be promised to batches already. When the next cannot be made,
    /// for want of space or of anything else, the present file goes on: nothing has happened to it.
    private mutating func beginNextFile() throws(StorageError) {
        guard var present = writer, present.holdsRecords,
            present.byteCount >= rotationByteCountMin
        else { return }
        let free = present.freeByteCount
        rotationByteCountMin = present.byteCount + options.allocationByteCountMin
        let draft: WALFileDraft
        do throws(StorageError) {
            draft = try WALFileDraft(
                fileSystem: fileSystem, directory: directory, first: present.last.next,
                logID: options.logID, freeByteCount: free)
        } catch {
            return
        }
        // The new file is there, and needs no space any more: only now is this one cut.
        try present.synchronizeAndCut()
        writer = present
        unsyncedSince = nil
        do throws(StorageError) {
            try draft.rename()
        } catch {
            // Two files of one beginning must not be: what failed may have been done.
            guard try fileSystem.kind(of: draft.path) == nil else { throw error }
            draft.discard()
            defer { writer = present }
            try present.allocate(freeByteCount: free)
            return
        }
        writer = noting(try draft.begin())
        rotationByteCountMin = 0
    }

    private mutating func beginFile(freeByteCount: UInt64) throws(StorageError) -> WALFileWriter {
        let draft = try WALFileDraft(
            fileSystem: fileSystem, directory: directory, first: last.next, logID: options.logID,
            freeByteCount: freeByteCount)
        return noting(try draft.publish())
    }

    private mutating func noting(_ writer: WALFileWriter) -> WALFileWriter {
        newFiles.append(WALScan.FileEntry(first: writer.first, path: writer.path))
        return writer
    }
}
