import ApusCore

/// The constants and headers of an archive; `docs/format.md` has its bytes as tables.
package enum ArchiveFormat {
    /// Persisted. "APAR", read as a little-endian number.
    static let magic: UInt32 = 0x5241_5041
    /// Persisted. "APAE", read as a little-endian number.
    static let endMagic: UInt32 = 0x4541_5041
    /// Persisted.
    static let version: UInt16 = 1
    package static let headerByteCount = 16
    package static let entryHeaderByteCount = 24
    package static let trailerByteCount = 24
    /// Of the index, at most: a reader holds it in memory.
    static let indexByteCountMax: UInt64 = 64 << 20

    static func encodedHeader() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: headerByteCount)
        writer.write(magic)
        writer.write(version)
        writer.write(UInt16(0))
        writer.write(UInt32(0))
        writer.write(checksum(writer.bytes))
        return writer.bytes
    }

    static func decodeHeader(_ bytes: [UInt8], path: String) throws(StorageError) {
        let fields = try decoding(bytes, path: path, "the archive's header") {
            (reader) throws(MalformedBytes) in
            (
                try reader.read(UInt32.self), try reader.read(UInt16.self),
                try reader.read(UInt16.self), try reader.read(UInt32.self),
                try reader.read(UInt32.self)
            )
        }
        let (magic, version, flags, reserved, stored) = fields
        guard magic == self.magic else {
            throw .corrupt(path, at: 0, "no archive: it does not start with \"APAR\"")
        }
        guard version <= self.version else {
            throw .newer(path, what: "the archive", found: version, known: self.version)
        }
        let found = checksum(bytes.prefix(headerByteCount - 4))
        guard found == stored else {
            throw .checksum(
                path, at: 12, of: "the archive's header", expected: stored, found: found)
        }
        guard version == self.version, flags == 0, reserved == 0 else {
            throw .corrupt(path, at: 4, "an archive header with impossible values")
        }
    }

    static func encodedTrailer(indexOffset: UInt64, byteCount: UInt64) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: trailerByteCount)
        writer.write(indexOffset)
        writer.write(byteCount)
        writer.write(checksum(writer.bytes))
        writer.write(endMagic)
        return writer.bytes
    }

    /// The bytes that an archive of these entries has.
    package static func byteCount(
        of entries: some Sequence<(name: RelativePath, byteCount: UInt64)>
    ) -> UInt64 {
        var count = UInt64(headerByteCount + entryHeaderByteCount + trailerByteCount)
        var index = ByteWriter()
        var entryCount: UInt64 = 0
        for entry in entries {
            encodeIndexEntry(
                ArchiveEntry(
                    name: entry.name, byteCount: entry.byteCount, checksum: 0, offset: 0),
                to: &index)
            count += UInt64(entryHeaderByteCount + entry.name.description.utf8.count)
            count += entry.byteCount
            entryCount += 1
        }
        var head = ByteWriter()
        head.writeVarInt(entryCount)
        return count + UInt64(head.count + index.count)
    }

    static func encodeIndexEntry(_ entry: ArchiveEntry, to writer: inout ByteWriter) {
        writer.write(entry.offset)
        writer.write(entry.byteCount)
        writer.write(entry.checksum)
        writer.writeString(entry.name.description)
    }

    static func encodedIndex(_ entries: [ArchiveEntry]) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeVarInt(UInt64(entries.count))
        for entry in entries { encodeIndexEntry(entry, to: &writer) }
        return writer.bytes
    }
}

/// One file of an archive.
package struct ArchiveEntry: Hashable, Sendable {
    package var name: RelativePath
    /// Of the content.
    package var byteCount: UInt64
    /// CRC32C of the content.
    package var checksum: UInt32
    /// Of the entry's header, in the archive.
    package var offset: UInt64
}

/// What stands before each content.
struct ArchiveEntryHeader {
    /// Persisted.
    enum Kind: UInt32 {
        case file = 1
        case index = 2
    }

    var kind: Kind
    var nameByteCount: Int
    var byteCount: UInt64
    /// CRC32C of the content.
    var contentChecksum: UInt32

    /// The header, followed by the name.
    static func encoded(
        _ kind: Kind, name: String, byteCount: UInt64, checksum contentChecksum: UInt32
    ) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: ArchiveFormat.entryHeaderByteCount)
        writer.write(kind.rawValue)
        writer.write(UInt32(name.utf8.count))
        writer.write(byteCount)
        writer.write(contentChecksum)
        var output = ByteWriter(reservingCapacity: writer.count + 4 + name.utf8.count)
        output.write(checksum(Array(name.utf8), seed: checksum(writer.bytes)))
        output.write(bytes: writer.bytes)
        output.write(bytes: name.utf8)
        return output.bytes
    }

    /// The header and the checksum that it says that it has with its name.
    static func decode(
        _ bytes: [UInt8], path: String, at offset: Int
    ) throws(StorageError) -> (header: ArchiveEntryHeader, checksum: UInt32) {
        let (stored, kind, nameByteCount, byteCount, content) = try decoding(
            bytes, path: path, base: offset, "an entry's header"
        ) { (reader) throws(MalformedBytes) in
            (
                try reader.read(UInt32.self), try reader.read(UInt32.self),
                try reader.read(UInt32.self), try reader.read(UInt64.self),
                try reader.read(UInt32.self)
            )
        }
        guard let kind = Kind(rawValue: kind), nameByteCount <= RelativePath.byteCountMax,
            (kind == .index) == (nameByteCount == 0)
        else { throw .corrupt(path, at: offset, "no entry starts here") }
        let header = ArchiveEntryHeader(
            kind: kind, nameByteCount: Int(nameByteCount), byteCount: byteCount,
            contentChecksum: content)
        return (header, stored)
    }
}

/// As `decoding` of a buffer, for an array.
private func decoding<Fields>(
    _ bytes: [UInt8], path: String, base: Int = 0, _ what: String,
    _ body: (inout ByteReader) throws(MalformedBytes) -> Fields
) throws(StorageError) -> Fields {
    try unsafe bytes.span.withUnsafeBytes { (buffer) throws(StorageError) in
        unsafe try decoding(buffer, path: path, base: base, what, body)
    }
}
