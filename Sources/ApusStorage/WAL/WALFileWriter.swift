import ApusCore

/// Writes records to the newest file of a log. Used by one thread: the log's own.
struct WALFileWriter {
    struct Record {
        var sequenceNumber: SequenceNumber
        /// As it goes to the file.
        var stored: [UInt8]
        var rawByteCount: Int
        var isCompressed: Bool
    }

    /// Records are gathered up to this size before they are handed to the system.
    private static let bufferByteCount = 4 << 20

    private let file: any File
    let first: SequenceNumber
    private let seed: UInt32
    private var buffer: [UInt8] = []
    /// Bytes in the file, without the buffer.
    private var fileByteCount: UInt64
    private var syncedByteCount: UInt64
    /// The last record given to `append`, and the last that is known to be on disk.
    private(set) var last: SequenceNumber
    private(set) var synced: SequenceNumber
    private(set) var endsWithSyncMark: Bool

    /// Creates the file and makes it durable, name and header, before any record is in it.
    init(
        creatingIn directory: String, fileSystem: any FileSystem, first: SequenceNumber,
        logID: LogID
    ) throws(StorageError) {
        let header = WALFileHeader(firstSequenceNumber: first, logID: logID).encoded()
        let path = "\(directory)/\(FileName.wal(firstSequenceNumber: first))"
        file = try fileSystem.open(path, .createNew)
        try file.write(header, at: 0)
        try file.synchronize()
        try fileSystem.synchronizeDirectory(directory)
        self.first = first
        seed = Self.seed(header)
        fileByteCount = UInt64(header.count)
        syncedByteCount = fileByteCount
        last = SequenceNumber(first.rawValue - 1)
        synced = last
        endsWithSyncMark = true
    }

    /// Goes on with a file whose valid records end at `validByteCount`: what follows is cut off,
    /// and what is there is made durable, because a crash may have left it unsynced.
    init(
        continuing entry: WALScan.FileEntry, fileSystem: any FileSystem, logID: LogID,
        validByteCount: Int, last: SequenceNumber, endsWithSyncMark: Bool
    ) throws(StorageError) {
        file = try fileSystem.open(entry.path, .readWrite)
        fileByteCount = UInt64(validByteCount)
        if try file.size() > fileByteCount { try file.truncate(to: fileByteCount) }
        try file.synchronize()
        first = entry.first
        seed = Self.seed(
            WALFileHeader(firstSequenceNumber: entry.first, logID: logID).encoded())
        syncedByteCount = fileByteCount
        self.last = last
        synced = last
        self.endsWithSyncMark = endsWithSyncMark
    }

    var path: String { file.path }

    /// Bytes in the file once the buffer is written.
    var byteCount: UInt64 { fileByteCount + UInt64(buffer.count) }

    var holdsRecords: Bool { last >= first }

    mutating func append(_ record: Record) throws(StorageError) {
        let header = WALRecordHeader(
            type: .batch, sequenceNumber: record.sequenceNumber, syncedThrough: synced,
            storedByteCount: record.stored.count, rawByteCount: record.rawByteCount,
            isCompressed: record.isCompressed)
        header.encode(payload: record.stored, seed: seed, to: &buffer)
        last = record.sequenceNumber
        endsWithSyncMark = false
        if buffer.count >= Self.bufferByteCount { try writeBuffer() }
    }

    /// Makes every record so far durable.
    mutating func synchronize() throws(StorageError) {
        try writeBuffer()
        if fileByteCount > syncedByteCount {
            try file.synchronize()
            syncedByteCount = fileByteCount
        }
        synced = last
    }

    /// Makes every record durable and says so in the file, so that later damage to any of them is
    /// told from what a crash leaves behind.
    mutating func synchronizeAndMark() throws(StorageError) {
        try synchronize()
        guard !endsWithSyncMark else { return }
        let header = WALRecordHeader(
            type: .syncMark, sequenceNumber: last, syncedThrough: last, storedByteCount: 0,
            rawByteCount: 0, isCompressed: false)
        header.encode(payload: [], seed: seed, to: &buffer)
        endsWithSyncMark = true
        try synchronize()
    }

    /// After a write that failed: takes what is not durable off the file again, if that works.
    func discardUnsynced() { try? file.truncate(to: syncedByteCount) }

    private mutating func writeBuffer() throws(StorageError) {
        guard !buffer.isEmpty else { return }
        try file.write(buffer, at: fileByteCount)
        fileByteCount += UInt64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    private static func seed(_ header: [UInt8]) -> UInt32 {
        header.suffix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
