package import ApusCore
import ApusKernels

/// Which rows of a segment are deleted, as of a batch: one file, never changed.
package struct DeletionFile: Hashable, Sendable {
    /// Persisted. "APDL", read as a little-endian number.
    static let magic: UInt32 = 0x4c44_5041
    /// Persisted.
    static let version: UInt16 = 1
    static let headerByteCount = 40

    /// How the ordinals are written. Persisted.
    private enum Encoding: UInt16 {
        /// Ascending, four bytes each.
        case list = 1
        /// A bit for each row.
        case bitmap = 2
    }

    /// Every deletion up to this batch is in `deleted`.
    package var sequenceNumber: SequenceNumber
    /// One bit for each row of the segment.
    package var deleted: Bitmap

    package init(sequenceNumber: SequenceNumber, deleted: Bitmap) {
        self.sequenceNumber = sequenceNumber
        self.deleted = deleted
    }

    /// Writes the file so that it is durable under its name when this returns.
    package func write(
        fileSystem: any FileSystem = PosixFileSystem(), directory: String, segment: UInt64
    ) throws(StorageError) {
        let name = FileName.deletions(segment: segment, at: sequenceNumber)
        try fileSystem.replace("\(directory)/\(name)", with: encoded())
        try fileSystem.synchronizeDirectory(directory)
    }

    /// Reads the file of a segment that has `rowCount` rows; nil: as many as the file says.
    package static func read(
        fileSystem: any FileSystem = PosixFileSystem(), path: String, rowCount: Int?
    ) throws(StorageError) -> DeletionFile {
        let bytes = try fileSystem.read(path)
        return unsafe try bytes.span.withUnsafeBytes { (buffer) throws(StorageError) in
            unsafe try decode(buffer, path: path, rowCount: rowCount)
        }
    }

    func encoded() -> [UInt8] {
        let cardinality = deleted.cardinality
        var body = ByteWriter()
        let encoding: Encoding
        if cardinality * 4 < deleted.words.count * 8 {
            encoding = .list
            deleted.forEach { body.write(UInt32($0)) }
        } else {
            encoding = .bitmap
            for word in deleted.words { body.write(word) }
        }
        var file = ByteWriter(reservingCapacity: Self.headerByteCount + body.count)
        file.write(Self.magic)
        file.write(Self.version)
        file.write(encoding.rawValue)
        file.write(sequenceNumber.rawValue)
        file.write(UInt64(deleted.count))
        file.write(UInt64(cardinality))
        file.write(UInt32(0))
        file.write(checksum(body.bytes, seed: checksum(file.bytes)))
        file.write(bytes: body.bytes)
        return file.bytes
    }

    static func decode(
        _ bytes: UnsafeRawBufferPointer, path: String, rowCount: Int?
    ) throws(StorageError) -> DeletionFile {
        let fields = unsafe try decoding(bytes, path: path, "the deletion file's header") {
            (reader) throws(MalformedBytes) in
            let magic = try reader.read(UInt32.self)
            let version = try reader.read(UInt16.self)
            let encoding = try reader.read(UInt16.self)
            let lsn = try reader.read(UInt64.self)
            let rows = try reader.read(UInt64.self)
            let cardinality = try reader.read(UInt64.self)
            let reserved = try reader.read(UInt32.self)
            return (
                magic, version, encoding, lsn, rows, cardinality, reserved,
                try reader.read(UInt32.self)
            )
        }
        let (magic, version, rawEncoding, lsn, rows, cardinality, reserved, stored) = fields
        guard magic == self.magic else {
            throw .corrupt(path, at: 0, "no deletion file: it does not start with \"APDL\"")
        }
        let body = unsafe bytes.part(headerByteCount..<bytes.count)
        unsafe try checkVersion(
            version, known: self.version, of: "the deletion file", path: path, stored: stored,
            bytes.part(0..<36), body)
        let found = unsafe CRC32C.checksum(body, seed: CRC32C.checksum(bytes.part(0..<36)))
        guard found == stored else {
            throw .checksum(path, at: 36, of: "the deletion file", expected: stored, found: found)
        }
        guard version == self.version, let encoding = Encoding(rawValue: rawEncoding),
            lsn < WALFormat.sequenceNumberLimit, reserved == 0
        else { throw .corrupt(path, at: 0, "a deletion file with impossible values") }
        guard rows <= UInt64(UInt32.max), rowCount == nil || rows == rowCount.map(UInt64.init)
        else {
            throw .corrupt(
                path, at: 16,
                "expected deletions of a segment of \(rowCount ?? Int(UInt32.max)) rows, found "
                    + "\(rows)")
        }
        let rowCount = Int(rows)
        let deleted = unsafe try decoding(body, path: path, base: headerByteCount, "the deletions")
        {
            (reader) throws(MalformedBytes) in
            switch encoding {
            case .list: try readList(&reader, rowCount: rowCount)
            case .bitmap: try readBitmap(&reader, rowCount: rowCount)
            }
        }
        guard UInt64(deleted.cardinality) == cardinality else {
            throw .corrupt(
                path, at: 24, "expected \(cardinality) deletions, found \(deleted.cardinality)")
        }
        return DeletionFile(sequenceNumber: SequenceNumber(lsn), deleted: deleted)
    }

    private static func readList(
        _ reader: inout ByteReader, rowCount: Int
    ) throws(MalformedBytes) -> Bitmap {
        var deleted = Bitmap(count: rowCount)
        var previous = -1
        while !reader.isAtEnd {
            let ordinal = Int(try reader.read(UInt32.self))
            guard ordinal > previous, ordinal < rowCount else {
                throw MalformedBytes(
                    "deleted row \(ordinal) of a segment of \(rowCount)", offset: reader.offset)
            }
            deleted[ordinal] = true
            previous = ordinal
        }
        return deleted
    }

    private static func readBitmap(
        _ reader: inout ByteReader, rowCount: Int
    ) throws(MalformedBytes) -> Bitmap {
        guard reader.remaining == (rowCount + 63) / 64 * 8 else {
            throw MalformedBytes("a bitmap of \(reader.remaining) bytes", offset: reader.offset)
        }
        var deleted = Bitmap(count: rowCount)
        var start = 0
        while !reader.isAtEnd {
            var word = try reader.read(UInt64.self)
            while word != 0 {
                let ordinal = start + word.trailingZeroBitCount
                guard ordinal < rowCount else {
                    throw MalformedBytes("deleted row \(ordinal)", offset: reader.offset)
                }
                deleted[ordinal] = true
                word &= word - 1
            }
            start += 64
        }
        return deleted
    }
}
