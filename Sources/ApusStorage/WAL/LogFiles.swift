package import ApusCore

/// A collection's log files as files, apart from the log that writes them: for snapshots, for the
/// log's archive and for restoring.
package enum LogFiles {
    private static let pieceByteCount = 1 << 20

    /// Gives every batch after `after` to `body`, in order, and returns the number of the last; the
    /// files are not changed. Throws as `WriteAheadLog.open` does, and what `body` throws. The bytes
    /// are valid only during the call.
    package static func replay(
        fileSystem: any FileSystem, directory: String, after: SequenceNumber, logID: LogID,
        _ body: (SequenceNumber, UnsafeRawBufferPointer) throws -> Void
    ) throws -> SequenceNumber {
        let scan = unsafe try WALScan(
            fileSystem: fileSystem, directory: directory, after: after, logID: logID, replay: body)
        guard !scan.files.isEmpty else {
            throw StorageError.corrupt(directory, "the log has no files")
        }
        return scan.last
    }

    /// Copies a log file up to the batch `lsn`, which is durable, and makes the copy durable; the
    /// log may go on writing to the file. The copy of a file that begins after `lsn` is its header.
    package static func copy(
        fileSystem: any FileSystem, _ source: String, to destination: String,
        through lsn: SequenceNumber
    ) throws(StorageError) {
        var reader = try WALFileReader(try fileSystem.load(source))
        var last = SequenceNumber(reader.header.firstSequenceNumber.rawValue - 1)
        while last < lsn {
            let start = reader.offset
            guard case .record(let record, _) = reader.next() else {
                throw .corrupt(
                    source, at: start, "expected the record of sequence number \(last.next)")
            }
            last = record.sequenceNumber
        }
        let original = try fileSystem.open(source, .read)
        let file = try fileSystem.open(destination, .createNew)
        var offset = 0
        while offset < reader.offset {
            let count = min(pieceByteCount, reader.offset - offset)
            try file.write(try original.bytes(at: UInt64(offset), count: count), at: UInt64(offset))
            offset += count
        }
        try file.synchronize()
    }
}
