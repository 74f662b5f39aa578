import ApusCore

/// Writes records to the newest file of a log. Used by one thread at a time.
///
/// The file has its space allocated ahead of the records: zeros lie behind them. Whoever appends
/// sees to it that there is enough.
struct WALFileWriter {
    struct Record {
        var sequenceNumber: SequenceNumber
        /// As it goes to the file.
        var stored: [UInt8]
        var rawByteCount: Int
        var isCompressed: Bool

        var byteCount: UInt64 { UInt64(WALFormat.recordHeaderByteCount + stored.count) }
    }

    /// Records are gathered up to this size before they are handed to the system.
    private static let bufferByteCount = 4 << 20
    /// A sync mark ends the file at last; its space is never given to a record.
    private static let markByteCount = UInt64(WALFormat.recordHeaderByteCount)

    private let file: any File
    let path: String
    let first: SequenceNumber
    private let seed: UInt32
    private var buffer: [UInt8] = []
    /// Bytes of header and records in the file, without the buffer.
    private var fileByteCount: UInt64
    /// The file's size, which has its space on the disk.
    private var allocatedByteCount: UInt64
    /// The file has changed since the last sync.
    private var isChanged = false
    private var syncedByteCount: UInt64
    /// The last record given to `append`, and the last that is known to be on disk.
    private(set) var last: SequenceNumber
    private(set) var synced: SequenceNumber
    private(set) var endsWithSyncMark: Bool

    /// Goes on with a file whose valid records end at `validByteCount`: what follows is cut off,
    /// and what is there is made durable, because a crash may have left it unsynced.
    init(
        continuing entry: WALScan.FileEntry, fileSystem: any FileSystem, logID: LogID,
        validByteCount: Int, last: SequenceNumber, endsWithSyncMark: Bool
    ) throws(StorageError) {
        let file = try fileSystem.open(entry.path, .readWrite)
        let byteCount = UInt64(validByteCount)
        if try file.size() > byteCount { try file.truncate(to: byteCount) }
        // A mark is written after a sync that covers everything before it.
        try Self.writeAgain(
            file, from: endsWithSyncMark ? byteCount - Self.markByteCount : 0, to: byteCount)
        try file.synchronize()
        self.init(
            file: file, path: entry.path, first: entry.first,
            header: WALFileHeader(firstSequenceNumber: entry.first, logID: logID).encoded(),
            byteCount: byteCount, allocatedByteCount: byteCount, last: last,
            endsWithSyncMark: endsWithSyncMark)
    }

    /// Writes bytes that were read once more. After a sync that failed, the system may show bytes
    /// that it has in its cache only and will never write; what follows them must not depend on it.
    private static func writeAgain(
        _ file: any File, from start: UInt64, to end: UInt64
    ) throws(StorageError) {
        var offset = start
        while offset < end {
            let count = min(1 << 20, end - offset)
            try file.write(try file.bytes(at: offset, count: Int(count)), at: offset)
            offset += count
        }
    }

    /// Goes on with a file that `WALFileDraft` has made.
    fileprivate init(
        file: any File, path: String, first: SequenceNumber, header: [UInt8], byteCount: UInt64,
        allocatedByteCount: UInt64, last: SequenceNumber, endsWithSyncMark: Bool
    ) {
        self.file = file
        self.path = path
        self.first = first
        seed = header.suffix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
        fileByteCount = byteCount
        self.allocatedByteCount = allocatedByteCount
        syncedByteCount = byteCount
        self.last = last
        synced = last
        self.endsWithSyncMark = endsWithSyncMark
    }

    /// Bytes of header and records once the buffer is written.
    var byteCount: UInt64 { fileByteCount + UInt64(buffer.count) }

    var holdsRecords: Bool { last >= first }

    /// Space for records that is allocated and not used.
    var freeByteCount: UInt64 {
        let used = byteCount + Self.markByteCount
        return allocatedByteCount > used ? allocatedByteCount - used : 0
    }

    /// Allocates space for `freeByteCount` bytes of records.
    mutating func allocate(freeByteCount: UInt64) throws(StorageError) {
        let wanted = byteCount + Self.markByteCount + freeByteCount
        guard wanted > allocatedByteCount else { return }
        isChanged = true
        do throws(StorageError) {
            try file.allocate(upTo: wanted)
        } catch {
            // The file may have grown in part. Uncounted zeros would stay behind the last record
            // when the file is ended, and others need the space. (Marks are written without.)
            try? file.truncate(to: max(allocatedByteCount, fileByteCount))
            throw error
        }
        allocatedByteCount = wanted
    }

    mutating func append(_ record: Record) throws(StorageError) {
        let header = WALRecordHeader(
            type: .batch, sequenceNumber: record.sequenceNumber, syncedThrough: synced,
            storedByteCount: record.stored.count, rawByteCount: record.rawByteCount,
            isCompressed: record.isCompressed)
        header.encode(payload: record.stored, seed: seed, to: &buffer)
        last = record.sequenceNumber
        endsWithSyncMark = false
        if buffer.count >= Self.bufferByteCount { try flush() }
    }

    /// Hands every record so far to the system.
    mutating func flush() throws(StorageError) {
        guard !buffer.isEmpty else { return }
        try file.write(buffer, at: fileByteCount)
        isChanged = true
        fileByteCount += UInt64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Makes every record so far durable.
    mutating func synchronize() throws(StorageError) {
        try flush()
        if isChanged {
            try file.synchronize()
            isChanged = false
            syncedByteCount = fileByteCount
        }
        synced = last
    }

    /// Makes every record durable and says so in the file, so that later damage to any of them is
    /// told from what a crash leaves behind.
    ///
    /// A log that is opened on a full disk goes without the mark.
    mutating func synchronizeAndMark() throws(StorageError) {
        try synchronize()
        guard !endsWithSyncMark else { return }
        do throws(StorageError) {
            try appendMark()
        } catch  where error.kind == .outOfSpace {
            buffer.removeAll()
            endsWithSyncMark = false
            try file.truncate(to: fileByteCount)
            isChanged = true
        }
        try synchronize()
    }

    /// Ends the file: every record durable, marked so, and no space behind the mark.
    mutating func close() throws(StorageError) {
        try synchronize()
        if !endsWithSyncMark { try appendMark() }
        try cut()
        try synchronize()
    }

    /// Ends the file because another follows: durable to its last byte.
    mutating func synchronizeAndCut() throws(StorageError) {
        try flush()
        try cut()
        try synchronize()
    }

    /// After a write that failed: takes off the file again, if that works, what nobody was told of.
    /// That is what is not durable, or, where writing is enough, what is not written.
    func discard(keepingWritten: Bool) {
        try? file.truncate(to: keepingWritten ? fileByteCount : syncedByteCount)
    }

    /// Gives back memory; for a log that rests.
    mutating func releaseBuffer() { if buffer.isEmpty { buffer = [] } }

    private mutating func appendMark() throws(StorageError) {
        let header = WALRecordHeader(
            type: .syncMark, sequenceNumber: last, syncedThrough: last, storedByteCount: 0,
            rawByteCount: 0, isCompressed: false)
        header.encode(payload: [], seed: seed, to: &buffer)
        endsWithSyncMark = true
        try flush()
    }

    /// By the file's own size: an allocation that failed may have left more than was counted.
    private mutating func cut() throws(StorageError) {
        guard try file.size() > fileByteCount else { return }
        try file.truncate(to: fileByteCount)
        allocatedByteCount = fileByteCount
        isChanged = true
    }
}

/// A log file that is complete and durable, but not under its name yet.
struct WALFileDraft {
    private let fileSystem: any FileSystem
    private let directory: String
    /// The name that it gets.
    let path: String
    private let first: SequenceNumber
    private let header: [UInt8]
    private let allocatedByteCount: UInt64
    private let file: any File

    /// Writes the file with its header and space for `freeByteCount` bytes of records.
    init(
        fileSystem: any FileSystem, directory: String, first: SequenceNumber, logID: LogID,
        freeByteCount: UInt64
    ) throws(StorageError) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.first = first
        path = "\(directory)/\(FileName.wal(firstSequenceNumber: first))"
        header = WALFileHeader(firstSequenceNumber: first, logID: logID).encoded()
        let mark = UInt64(WALFormat.recordHeaderByteCount)
        allocatedByteCount = UInt64(header.count) + (freeByteCount > 0 ? mark + freeByteCount : 0)
        let temporary = path + FileName.temporarySuffix
        do throws(StorageError) {
            file = try fileSystem.open(temporary, .createEmpty)
            try file.write(header, at: 0)
            try file.allocate(upTo: allocatedByteCount)
            try file.synchronize()
        } catch {
            try? fileSystem.remove(temporary)
            throw error
        }
    }

    /// Best effort: a stray temporary file is removed at the next open.
    func discard() { try? fileSystem.remove(path + FileName.temporarySuffix) }

    /// Gives the file its name, durably, before any record is in it.
    func publish() throws(StorageError) -> WALFileWriter {
        do throws(StorageError) {
            try rename()
        } catch {
            discard()
            throw error
        }
        return try begin()
    }

    /// The first half of `publish`: when it fails, there is no new file.
    func rename() throws(StorageError) {
        try fileSystem.rename(path + FileName.temporarySuffix, to: path)
    }

    /// The second half: when it fails, there is a file whose name may be gone after a crash.
    func begin() throws(StorageError) -> WALFileWriter {
        try fileSystem.synchronizeDirectory(directory)
        // Errors should tell the name that the file has now.
        let named = (try? fileSystem.open(path, .readWrite)) ?? file
        return WALFileWriter(
            file: named, path: path, first: first, header: header, byteCount: UInt64(header.count),
            allocatedByteCount: allocatedByteCount,
            last: SequenceNumber(first.rawValue - 1), endsWithSyncMark: true)
    }
}
