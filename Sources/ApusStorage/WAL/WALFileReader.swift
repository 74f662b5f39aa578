import ApusCore
import ApusKernels

/// Walks the records of one WAL file, whose bytes are all there.
struct WALFileReader {
    let file: MappedFile
    let header: WALFileHeader
    /// Seed of the records' checksums.
    private let seed: UInt32
    /// Where the next record starts.
    private(set) var offset = WALFormat.fileHeaderByteCount

    init(_ file: MappedFile) throws(StorageError) {
        self.file = file
        (header, seed) = unsafe try WALFileHeader.decode(file.bytes, path: file.path)
    }

    enum Step {
        case record(WALRecordHeader, payload: Range<Int>)
        case end
        /// No valid record starts here, though the file goes on.
        case damage
    }

    mutating func next() -> Step {
        if offset == file.byteCount { return .end }
        guard let (record, payload) = validRecord(at: offset) else { return .damage }
        offset = payload.upperBound
        return .record(record, payload: payload)
    }

    /// Past a byte at which no record starts.
    mutating func skipByte() { offset += 1 }

    /// What was appended, from the place that `next()` gave.
    func payload(
        of record: WALRecordHeader, in range: Range<Int>
    ) throws(StorageError) -> [UInt8] {
        let stored = unsafe file.bytes.part(range)
        guard record.isCompressed else { return unsafe Array(stored) }
        guard let raw = unsafe BlockCompression.decompressed(stored, rawCount: record.rawByteCount)
        else {
            throw .corrupt(
                file.path, at: range.lowerBound,
                "the record of sequence number \(record.sequenceNumber) does not decompress to "
                    + "\(record.rawByteCount) bytes")
        }
        return raw
    }

    /// The first valid record after the present place that proves that records after `last` were
    /// once on disk, and so acknowledged.
    ///
    /// Bytes that do not make a record mean one of two things. A crash came while a group of
    /// records was being written: nobody was told of them, and the disk may have kept any part of
    /// them, later ones too. Or acknowledged records were damaged afterwards. Each record carries
    /// what was synced when its group was written, and that tells the two apart.
    func proofOfLoss(after last: SequenceNumber) -> (offset: Int, record: WALRecordHeader)? {
        let headerByteCount = WALFormat.recordHeaderByteCount
        var candidate = offset + 1
        // Each missing record takes a header at least, so no number can be further ahead.
        let rest = UInt64(max(0, file.byteCount - offset))
        let highest = last.rawValue + rest / UInt64(headerByteCount) + 1
        while candidate <= file.byteCount - headerByteCount {
            // The number alone rules out nearly every place. It is never 0, so zeros are skipped.
            let place = candidate + WALFormat.sequenceNumberOffset
            let number = UInt64(
                littleEndian: unsafe file.bytes.loadUnaligned(
                    fromByteOffset: place, as: UInt64.self))
            if number == 0 {
                candidate = endOfZeros(from: place) - WALFormat.sequenceNumberOffset - 7
                continue
            }
            if number > last.rawValue, number <= highest,
                let record = unsafe WALRecordHeader.decode(file.bytes, at: candidate),
                record.syncedThrough > last, validRecord(at: candidate) != nil
            {
                return (candidate, record)
            }
            candidate += 1
        }
        return nil
    }

    /// Bytes from the present place on, without the zeros at the end.
    var tornByteCount: Int {
        var end = offset
        while end < file.byteCount {
            let start = endOfZeros(from: end)
            guard start < file.byteCount else { break }
            end = start + 1
        }
        return end - offset
    }

    /// The first place from `start` on whose byte is not zero, or the end of the file.
    private func endOfZeros(from start: Int) -> Int {
        var place = start
        while place <= file.byteCount - 8,
            unsafe file.bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self) == 0
        {
            place += 8
        }
        while place < file.byteCount, unsafe file.bytes[place] == 0 { place += 1 }
        return place
    }

    private func validRecord(at start: Int) -> (WALRecordHeader, payload: Range<Int>)? {
        guard let record = unsafe WALRecordHeader.decode(file.bytes, at: start) else { return nil }
        let payloadStart = start + WALFormat.recordHeaderByteCount
        let payload = payloadStart..<(payloadStart + record.storedByteCount)
        let stored = unsafe file.bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)
        let covered = unsafe file.bytes.part((start + 4)..<payload.upperBound)
        guard unsafe CRC32C.checksum(covered, seed: seed) == UInt32(littleEndian: stored) else {
            return nil
        }
        return (record, payload)
    }
}
