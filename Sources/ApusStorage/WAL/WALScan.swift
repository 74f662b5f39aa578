import ApusCore

/// What a log directory holds after a given sequence number, found without changing anything.
///
/// The rules (docs/format.md, "Write-ahead log"): sequence numbers follow each other without a gap,
/// within files and from file to file; every file but the last is whole; the last may end in the
/// remains of a group that was never acknowledged.
struct WALScan {
    struct FileEntry: Hashable {
        var first: SequenceNumber
        var path: String
    }

    /// All files, ascending; also those before the first that is needed.
    private(set) var files: [FileEntry] = []
    /// The last valid record's number; `after` when there is none beyond it.
    private(set) var last: SequenceNumber
    private(set) var recordCount = 0
    /// Where the valid records of the last file end; nil: its header was never completely written.
    private(set) var validByteCount: Int? = 0
    /// Bytes after that, without the zeros at the end, which are space allocated ahead.
    private(set) var tornByteCount = 0
    private(set) var endsWithSyncMark = false
    /// The log ends before `after`, which the caller has from elsewhere.
    private(set) var isBehind = false

    /// Calls `replay` with each batch after `after`, in order; its errors end the scan.
    init(
        fileSystem: any FileSystem, directory: String, after: SequenceNumber, logID: LogID,
        replay: (SequenceNumber, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        last = after
        files = try Self.files(fileSystem, directory)
        guard let newest = files.last else { return }
        guard let start = files.lastIndex(where: { $0.first <= after.next }) else {
            throw StorageError.lostBatches(
                files[0].path, at: 0,
                "sequence numbers \(after.next) to \(files[0].first.rawValue - 1) are missing: "
                    + "the oldest log file starts at \(files[0].first)")
        }
        var expected = files[start].first
        for file in files[start...] {
            guard file.first == expected else {
                throw StorageError.lostBatches(
                    file.path, at: 0,
                    "a log file is missing: expected one that starts at \(expected), found this, "
                        + "which starts at \(file.first)")
            }
            let isLast = file == newest
            let content = try fileSystem.load(file.path)
            // A header is synced before a record follows it, so a short file never held one.
            if isLast, files.count > 1 || file.first == after.next,
                content.byteCount <= WALFormat.fileHeaderByteCount,
                unsafe (try? WALFileHeader.decode(content.bytes, path: file.path)) == nil
            {
                validByteCount = nil
                tornByteCount = content.byteCount
                break
            }
            var reader = try WALFileReader(content)
            try Self.check(reader.header, of: file, logID: logID)
            expected = unsafe try read(
                &reader, from: expected, after: after, isLast: isLast, replay: replay)
        }
        last = max(after, SequenceNumber(expected.rawValue - 1))
        isBehind = expected <= after
    }

    /// Reads a file to its end and returns the number that should follow.
    private mutating func read(
        _ reader: inout WALFileReader, from first: SequenceNumber, after: SequenceNumber,
        isLast: Bool, replay: (SequenceNumber, UnsafeRawBufferPointer) throws -> Void
    ) throws -> SequenceNumber {
        var expected = first
        endsWithSyncMark = false
        while true {
            let start = reader.offset
            switch reader.next() {
            case .end:
                validByteCount = start
                return expected
            case .record(let record, let payload):
                let wanted =
                    record.type == .batch ? expected : SequenceNumber(expected.rawValue - 1)
                guard record.sequenceNumber == wanted else {
                    throw StorageError.lostBatches(
                        reader.file.path, at: start,
                        "expected sequence number \(wanted), found \(record.sequenceNumber)")
                }
                endsWithSyncMark = record.type == .syncMark
                guard record.type == .batch else { continue }
                if expected > after {
                    let bytes = try reader.payload(of: record, in: payload)
                    try unsafe bytes.withUnsafeBytes { unsafe try replay(expected, $0) }
                    recordCount += 1
                }
                expected = expected.next
            case .damage:
                try checkTornTail(reader, expected: expected, isLast: isLast)
                validByteCount = start
                tornByteCount = reader.tornByteCount
                endsWithSyncMark = false
                return expected
            }
        }
    }

    /// Throws unless the rest of the file can only be what a crash left of unacknowledged records.
    private func checkTornTail(
        _ reader: WALFileReader, expected: SequenceNumber, isLast: Bool
    ) throws(StorageError) {
        guard isLast else {
            throw .lostBatches(
                reader.file.path, at: reader.offset,
                "expected the record of sequence number \(expected), found bytes that are none; "
                    + "later log files exist")
        }
        let last = SequenceNumber(expected.rawValue - 1)
        if let proof = reader.proofOfLoss(after: last) {
            throw .lostBatches(
                reader.file.path, at: reader.offset,
                "expected the record of sequence number \(expected), found bytes that are none; "
                    + "the record of sequence number \(proof.record.sequenceNumber) at byte "
                    + "\(proof.offset) says that it had been on disk")
        }
    }

    private static func check(
        _ header: WALFileHeader, of file: FileEntry, logID: LogID
    ) throws(StorageError) {
        guard header.firstSequenceNumber == file.first else {
            throw .corrupt(
                file.path, at: 8,
                "the name says that the file starts at \(file.first), its header says "
                    + "\(header.firstSequenceNumber)")
        }
        guard header.logID == logID else {
            throw .corrupt(
                file.path, at: 16,
                "the file belongs to another collection's log: expected id \(logID), found "
                    + "\(header.logID)")
        }
    }

    private static func files(
        _ fileSystem: any FileSystem, _ directory: String
    ) throws(StorageError) -> [FileEntry] {
        var files: [FileEntry] = []
        for name in try fileSystem.list(directory) {
            guard let first = FileName.firstSequenceNumber(ofWAL: name) else { continue }
            guard first > .zero, first.rawValue < WALFormat.sequenceNumberLimit else {
                throw .corrupt("\(directory)/\(name)", "no log file can start at \(first)")
            }
            files.append(FileEntry(first: first, path: "\(directory)/\(name)"))
        }
        return files.sorted { $0.first < $1.first }
    }
}
