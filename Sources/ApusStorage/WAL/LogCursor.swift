package import ApusCore
private import ApusKernels

/// Reads a log's batches one after the other while the log goes on being written.
///
/// The caller asks only for batches that are durable. Bytes behind these may be anything and may
/// change, so nothing is concluded from them: a record that does not look right is read again from
/// the file, and counts only if it is there then. A file that is open stays readable when the log
/// removes its name. What is in memory is a piece of a file, or one record if that is larger.
package struct LogCursor: Sendable {
    private let logID: LogID
    /// The batch that comes next.
    package private(set) var position: SequenceNumber
    private var current: OpenLogFile?

    /// A cursor before the batch `position`.
    package init(logID: LogID, at position: SequenceNumber) {
        self.logID = logID
        self.position = position
    }

    /// The batch at the position, which is durable; the position moves on.
    ///
    /// `open` gives the file that has a batch, or nil when none has it: that is what comes back
    /// then, and the position stays. Throws `.corrupt` for a file that should have it and has not.
    package mutating func next(
        open: (SequenceNumber) throws -> (any File)?
    ) throws -> [UInt8]? {
        if let payload = try current?.payload(of: position) { return moveOn(with: payload) }
        // It begins the file after this one, or this is the first.
        current = nil
        guard let file = try open(position) else { return nil }
        var opened = try OpenLogFile(file, logID: logID)
        guard let payload = try opened.payload(of: position) else {
            throw StorageError.corrupt(
                file.path, "the record of sequence number \(position) is not in this file")
        }
        current = opened
        return moveOn(with: payload)
    }

    private mutating func moveOn(with payload: [UInt8]) -> [UInt8] {
        position = position.next
        return payload
    }
}

/// A log file that is read record by record.
private struct OpenLogFile: Sendable {
    private static let windowByteCountMin = 256 << 10

    private let file: any File
    private let seed: UInt32
    /// Where the next record starts, and the number of the next batch.
    private var offset: UInt64
    private var expected: SequenceNumber
    /// Bytes of the file from `windowOffset` on.
    private var window: [UInt8] = []
    private var windowOffset: UInt64 = 0

    init(_ file: any File, logID: LogID) throws(StorageError) {
        self.file = file
        let bytes = try file.bytes(at: 0, count: WALFormat.fileHeaderByteCount)
        let path = file.path
        let (header, seed) = try unsafe bytes.span.withUnsafeBytes {
            (buffer) throws(StorageError) in try unsafe WALFileHeader.decode(buffer, path: path)
        }
        guard header.logID == logID else {
            throw .corrupt(
                path, at: 16,
                "the file belongs to another collection's log: expected id \(logID), found "
                    + "\(header.logID)")
        }
        self.seed = seed
        offset = UInt64(WALFormat.fileHeaderByteCount)
        expected = header.firstSequenceNumber
    }

    /// What batch `number` holds; nil: this file has no such batch.
    mutating func payload(of number: SequenceNumber) throws(StorageError) -> [UInt8]? {
        guard number >= expected else { return nil }
        while true {
            guard let (record, start) = try record() else { return nil }
            switch record.type {
            case .syncMark: break
            case .batch:
                guard record.sequenceNumber == expected else {
                    throw .corrupt(
                        file.path, at: Int(clamping: offset),
                        "expected sequence number \(expected), found \(record.sequenceNumber)")
                }
                expected = expected.next
            }
            let isWanted = record.type == .batch && record.sequenceNumber == number
            let payload = isWanted ? try payload(of: record, at: start) : nil
            offset += UInt64(WALFormat.recordHeaderByteCount + record.storedByteCount)
            if let payload { return payload }
        }
    }

    /// The valid record at `offset`, and where its payload lies in the window.
    private mutating func record() throws(StorageError) -> (WALRecordHeader, payload: Int)? {
        if let found = try recordInWindow() { return found }
        // What was read earlier may have been read too early.
        window = []
        return try recordInWindow()
    }

    private mutating func recordInWindow() throws(StorageError) -> (WALRecordHeader, payload: Int)?
    {
        let headerByteCount = WALFormat.recordHeaderByteCount
        guard try fill(headerByteCount) else { return nil }
        // The payload's byte count comes behind the checksum.
        let stored = window[(place + 4)..<(place + 8)].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard try fill(headerByteCount + stored) else { return nil }
        let start = place
        let seed = seed
        let record: WALRecordHeader? = unsafe window.span.withUnsafeBytes { bytes in
            guard let record = unsafe WALRecordHeader.decode(bytes, at: start) else { return nil }
            let sum = unsafe bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)
            let end = start + headerByteCount + record.storedByteCount
            let covered = unsafe bytes.part((start + 4)..<end)
            let computed = unsafe CRC32C.checksum(covered, seed: seed)
            return computed == UInt32(littleEndian: sum) ? record : nil
        }
        return record.map { ($0, start + headerByteCount) }
    }

    private func payload(
        of record: WALRecordHeader, at start: Int
    ) throws(StorageError) -> [UInt8] {
        let stored = window[start..<(start + record.storedByteCount)]
        guard record.isCompressed else { return Array(stored) }
        let raw = unsafe window.span.withUnsafeBytes { bytes in
            unsafe BlockCompression.decompressed(
                bytes.part(start..<(start + record.storedByteCount)),
                rawCount: record.rawByteCount)
        }
        guard let raw else {
            throw .corrupt(
                file.path, at: Int(clamping: offset),
                "the record of sequence number \(record.sequenceNumber) does not decompress to "
                    + "\(record.rawByteCount) bytes")
        }
        return raw
    }

    /// Where `offset` lies in the window.
    private var place: Int { Int(offset - windowOffset) }

    /// Sees to it that the window has so many bytes from `offset` on; false: the file has not.
    private mutating func fill(_ byteCount: Int) throws(StorageError) -> Bool {
        if !window.isEmpty, offset >= windowOffset, place + byteCount <= window.count {
            return true
        }
        let size = try file.size()
        guard size >= offset, size - offset >= UInt64(byteCount) else { return false }
        let count = min(size - offset, UInt64(max(byteCount, Self.windowByteCountMin)))
        window = try file.bytes(at: offset, count: Int(count))
        windowOffset = offset
        return true
    }
}
