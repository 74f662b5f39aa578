package import ApusCore
import ApusKernels

/// The constants of a WAL file; `docs/format.md` has its bytes as tables.
enum WALFormat {
    /// Persisted. "APWL", read as a little-endian number.
    static let magic: UInt32 = 0x4c57_5041
    /// Persisted.
    static let version: UInt16 = 1
    static let fileHeaderByteCount = 40
    static let recordHeaderByteCount = 32
    /// Of the sequence number, in a record.
    static let sequenceNumberOffset = 8
    /// A batch's bytes at most, before compression.
    static let payloadByteCountMax = 1 << 30
    /// Sequence numbers stay below this, so that counting on from a number read cannot overflow.
    static let sequenceNumberLimit: UInt64 = 1 << 62
}

/// What a record is. Persisted; a number is never used again for something else.
package enum WALRecordType: UInt8, Hashable, Sendable {
    /// One atomic batch of effects.
    case batch = 1
    /// No batch: says that every record up to its sequence number was on disk when it was written.
    case syncMark = 2
}

/// The start of a WAL file. Its checksum is the seed of the checksums of the file's records, so that
/// bytes of another file never pass for records of this one.
struct WALFileHeader: Hashable {
    var firstSequenceNumber: SequenceNumber
    var logID: LogID

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: WALFormat.fileHeaderByteCount)
        writer.write(WALFormat.magic)
        writer.write(WALFormat.version)
        writer.write(UInt16(0))
        writer.write(firstSequenceNumber.rawValue)
        writer.write(logID.high)
        writer.write(logID.low)
        writer.write(UInt32(0))
        writer.write(checksum(writer.bytes))
        return writer.bytes
    }

    /// The header and its checksum, from the start of a file.
    static func decode(
        _ bytes: UnsafeRawBufferPointer, path: String
    ) throws(StorageError) -> (header: WALFileHeader, seed: UInt32) {
        let fields = try unsafe decoding(bytes, path: path, "the WAL header") {
            (reader) throws(MalformedBytes) in
            let magic = try reader.read(UInt32.self)
            let version = try reader.read(UInt16.self)
            let flags = try reader.read(UInt16.self)
            let first = try reader.read(UInt64.self)
            let logID = LogID(high: try reader.read(), low: try reader.read())
            let reserved = try reader.read(UInt32.self)
            return (magic, version, flags, first, logID, reserved, try reader.read(UInt32.self))
        }
        let (magic, version, flags, first, logID, reserved, stored) = fields
        guard magic == WALFormat.magic else {
            throw .corrupt(path, at: 0, "no WAL file: it does not start with \"APWL\"")
        }
        let covered = WALFormat.fileHeaderByteCount - 4
        unsafe try checkVersion(
            version, known: WALFormat.version, of: "the WAL file", path: path, stored: stored,
            bytes.part(0..<covered))
        let computed = unsafe CRC32C.checksum(bytes.part(0..<covered))
        guard computed == stored else {
            throw .checksum(path, at: 0, of: "the WAL header", expected: stored, found: computed)
        }
        guard version == WALFormat.version, flags == 0, reserved == 0, first > 0,
            first < WALFormat.sequenceNumberLimit
        else { throw .corrupt(path, at: 0, "a WAL header with impossible values") }
        let header = WALFileHeader(firstSequenceNumber: SequenceNumber(first), logID: logID)
        return (header, stored)
    }
}

/// The fixed part of a record.
package struct WALRecordHeader: Hashable, Sendable {
    package var type: WALRecordType
    package var sequenceNumber: SequenceNumber
    /// Every record up to this one was on disk when this one was written.
    package var syncedThrough: SequenceNumber
    /// Bytes of the payload as it lies in the file.
    package var storedByteCount: Int
    /// Bytes of the payload as it was appended.
    package var rawByteCount: Int
    package var isCompressed: Bool

    static let compressedFlag: UInt8 = 1

    /// Appends the record to `output`.
    func encode(payload: [UInt8], seed: UInt32, to output: inout [UInt8]) {
        var writer = ByteWriter(reservingCapacity: WALFormat.recordHeaderByteCount)
        // The checksum covers what follows it.
        writer.write(UInt32(storedByteCount))
        writer.write(sequenceNumber.rawValue)
        writer.write(syncedThrough.rawValue)
        writer.write(UInt32(rawByteCount))
        writer.write(type.rawValue)
        writer.write(isCompressed ? Self.compressedFlag : 0)
        writer.write(UInt16(0))
        let sum = checksum(payload, seed: checksum(writer.bytes, seed: seed))
        unsafe withUnsafeBytes(of: sum.littleEndian) { unsafe output.append(contentsOf: $0) }
        output.append(contentsOf: writer.bytes)
        output.append(contentsOf: payload)
    }

    /// The header at `offset`, when its fields are possible ones for a file of these bytes; the
    /// checksum is not looked at.
    static func decode(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> WALRecordHeader? {
        let start = offset + 4
        let payloadStart = offset + WALFormat.recordHeaderByteCount
        guard offset >= 0, payloadStart <= bytes.count else { return nil }
        var reader = unsafe ByteReader(bytes.part(start..<payloadStart))
        guard let stored = try? reader.read(UInt32.self), let lsn = try? reader.read(UInt64.self),
            let synced = try? reader.read(UInt64.self), let raw = try? reader.read(UInt32.self),
            let rawType = try? reader.read(UInt8.self), let flags = try? reader.read(UInt8.self),
            let reserved = try? reader.read(UInt16.self),
            let type = WALRecordType(rawValue: rawType),
            flags & ~compressedFlag == 0, reserved == 0, lsn < WALFormat.sequenceNumberLimit,
            synced <= lsn, Int(stored) <= bytes.count - payloadStart,
            Int(raw) <= WALFormat.payloadByteCountMax
        else { return nil }
        let isCompressed = flags & compressedFlag != 0
        switch type {
        case .batch:
            let lengthsFit =
                isCompressed
                ? BlockCompression.isPlausible(rawCount: Int(raw), storedCount: Int(stored))
                : raw == stored
            guard lengthsFit, lsn > 0 else { return nil }
        case .syncMark:
            guard stored == 0, raw == 0, !isCompressed, synced == lsn else { return nil }
        }
        return WALRecordHeader(
            type: type, sequenceNumber: SequenceNumber(lsn), syncedThrough: SequenceNumber(synced),
            storedByteCount: Int(stored), rawByteCount: Int(raw), isCompressed: isCompressed)
    }
}
