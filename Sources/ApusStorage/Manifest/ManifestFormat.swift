import ApusCore
import ApusKernels

/// The bytes of a manifest and of CURRENT; `docs/format.md` has them as tables.
enum ManifestFormat {
    /// Persisted. "APMF", read as a little-endian number.
    static let magic: UInt32 = 0x464d_5041
    /// Persisted.
    static let version: UInt16 = 1
    static let headerByteCount = 16
    static let segmentByteCountMin = 17

    static func encoded(_ manifest: Manifest) -> [UInt8] {
        var body = ByteWriter()
        body.write(manifest.generation)
        body.write(manifest.logID.high)
        body.write(manifest.logID.low)
        body.write(manifest.flushedThrough.rawValue)
        body.write(manifest.nextSegmentNumber)
        body.writeVarInt(UInt64(manifest.segments.count))
        for segment in manifest.segments {
            body.write(segment.number)
            body.write(UInt64(segment.rowCount))
            body.write(UInt8(segment.deletionFileLSN == nil ? 0 : 1))
            if let lsn = segment.deletionFileLSN { body.write(lsn.rawValue) }
        }
        body.writeVarInt(UInt64(manifest.attributes.count))
        for (name, value) in manifest.attributes.sorted(by: { $0.key < $1.key }) {
            body.writeString(name)
            body.writeVarInt(UInt64(value.count))
            body.write(bytes: value)
        }
        var file = ByteWriter(reservingCapacity: headerByteCount + body.count)
        file.write(magic)
        file.write(version)
        file.write(UInt16(0))
        file.write(UInt32(body.count))
        file.write(checksum(body.bytes, seed: checksum(file.bytes)))
        file.write(bytes: body.bytes)
        return file.bytes
    }

    static func decode(
        _ bytes: UnsafeRawBufferPointer, path: String
    ) throws(StorageError) -> Manifest {
        let (magic, version, flags, byteCount, stored) = unsafe try decoding(
            bytes, path: path, "the manifest's header"
        ) { (reader) throws(MalformedBytes) in
            (
                try reader.read(UInt32.self), try reader.read(UInt16.self),
                try reader.read(UInt16.self), try reader.read(UInt32.self),
                try reader.read(UInt32.self)
            )
        }
        guard magic == self.magic else {
            throw .corrupt(path, at: 0, "no manifest: it does not start with \"APMF\"")
        }
        unsafe try checkVersion(
            version, known: self.version, of: "the manifest", path: path, stored: stored,
            bytes.part(0..<12), bytes.part(headerByteCount..<bytes.count))
        guard version == self.version, flags == 0, Int(byteCount) == bytes.count - headerByteCount
        else {
            throw .corrupt(
                path, at: 8,
                "expected \(byteCount) bytes after the header, found "
                    + "\(bytes.count - headerByteCount)")
        }
        let body = unsafe bytes.part(headerByteCount..<bytes.count)
        let found = unsafe CRC32C.checksum(body, seed: CRC32C.checksum(bytes.part(0..<12)))
        guard found == stored else {
            throw .checksum(path, at: 12, of: "the manifest", expected: stored, found: found)
        }
        return unsafe try decoding(body, path: path, base: headerByteCount, "the manifest") {
            (reader) throws(MalformedBytes) in try decodeBody(&reader)
        }
    }

    private static func decodeBody(
        _ reader: inout ByteReader
    ) throws(MalformedBytes) -> Manifest {
        let generation = try reader.read(UInt64.self)
        let logID = LogID(high: try reader.read(), low: try reader.read())
        var manifest = Manifest(logID: logID)
        manifest.generation = generation
        manifest.flushedThrough = try readSequenceNumber(&reader)
        manifest.nextSegmentNumber = try reader.read()
        // Both are counted on from here.
        guard generation < WALFormat.sequenceNumberLimit,
            manifest.nextSegmentNumber < WALFormat.sequenceNumberLimit
        else {
            throw MalformedBytes(
                "an impossible generation \(generation) or next segment "
                    + "\(manifest.nextSegmentNumber)", offset: reader.offset)
        }
        for _ in 0..<(try reader.readCount(minimumSize: segmentByteCountMin)) {
            let number = try reader.read(UInt64.self)
            let rowCount = try reader.read(UInt64.self)
            let hasDeletions = try reader.read(UInt8.self)
            guard rowCount <= UInt64(UInt32.max), hasDeletions <= 1,
                number < manifest.nextSegmentNumber,
                !manifest.segments.contains(where: { $0.number == number })
            else { throw MalformedBytes("an impossible segment \(number)", offset: reader.offset) }
            manifest.segments.append(
                Manifest.Segment(
                    number: number, rowCount: Int(rowCount),
                    deletionFileLSN: hasDeletions == 1 ? try readSequenceNumber(&reader) : nil))
        }
        for _ in 0..<(try reader.readCount(minimumSize: 2)) {
            let name = try reader.readString()
            let count = try reader.readCount(minimumSize: 1)
            let value = unsafe try reader.readBytes(count: count)
            guard unsafe manifest.attributes.updateValue(Array(value), forKey: name) == nil else {
                throw MalformedBytes("a second attribute \(name)", offset: reader.offset)
            }
        }
        guard reader.isAtEnd else {
            throw MalformedBytes("bytes after the last attribute", offset: reader.offset)
        }
        return manifest
    }

    private static func readSequenceNumber(
        _ reader: inout ByteReader
    ) throws(MalformedBytes) -> SequenceNumber {
        let number = try reader.read(UInt64.self)
        guard number < WALFormat.sequenceNumberLimit else {
            throw MalformedBytes("an impossible sequence number \(number)", offset: reader.offset)
        }
        return SequenceNumber(number)
    }

    /// `MANIFEST-<generation> <checksum of the name, 8 hexadecimal digits>` and a newline.
    static func encodedCurrent(generation: UInt64) -> [UInt8] {
        let name = FileName.manifest(generation: generation)
        return Array("\(name) \(hexadecimal(checksum(Array(name.utf8))))\n".utf8)
    }

    static func decodeCurrent(_ bytes: [UInt8], path: String) throws(StorageError) -> UInt64 {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let name = text.split(separator: " ").first,
            let generation = FileName.generation(ofManifest: String(name)),
            encodedCurrent(generation: generation) == bytes
        else {
            throw .corrupt(path, at: 0, "expected a manifest's name and its checksum")
        }
        return generation
    }
}
