/// Reads an archive from its start to its end, in bounded memory. Nothing in an archive is
/// believed: sizes are compared with the file's, names are checked to stay below their root,
/// headers, contents and index have checksums, and a second entry of one name is refused.
///
/// Call `nextEntry`, then `nextPiece` until it gives nil, and so on until `nextEntry` gives nil:
/// only then is the archive known to be whole. Used by one thread at a time.
package struct ArchiveReader {
    private static let pieceByteCount = 1 << 20

    private let file: any File
    private let fileByteCount: UInt64
    private var offset: UInt64
    private var entries: [ArchiveEntry] = []
    private var names: Set<RelativePath> = []
    /// Of the present entry's content: bytes to come, and the checksum of those that came.
    private var remaining: UInt64 = 0
    private var running: UInt32 = 0
    private var isAtEnd = false

    /// Throws `.newerFormat`, and `.corrupt` when the file does not start as an archive does.
    package init(
        fileSystem: any FileSystem = PosixFileSystem(), path: String
    ) throws(StorageError) {
        file = try fileSystem.open(path, .read)
        fileByteCount = try file.size()
        offset = 0
        let header = try file.bytes(
            at: 0, count: Int(min(fileByteCount, UInt64(ArchiveFormat.headerByteCount))))
        try ArchiveFormat.decodeHeader(header, path: path)
        offset = UInt64(header.count)
    }

    /// The next file of the archive; nil: the archive ends here, and all of it was right.
    package mutating func nextEntry() throws(StorageError) -> ArchiveEntry? {
        while try nextPiece() != nil {}
        guard !isAtEnd else { return nil }
        let start = offset
        let bytes = try take(UInt64(ArchiveFormat.entryHeaderByteCount), "an entry's header")
        let (header, stored) = try ArchiveEntryHeader.decode(
            bytes, path: file.path, at: Int(start))
        let name = try take(UInt64(header.nameByteCount), "an entry's name")
        let found = checksum(name, seed: checksum(bytes.dropFirst(4)))
        guard found == stored else {
            throw .checksum(
                file.path, at: Int(start), of: "an entry's header", expected: stored, found: found)
        }
        guard header.byteCount <= fileByteCount - offset else {
            throw .corrupt(
                file.path, at: Int(start),
                "an entry of \(header.byteCount) bytes, \(fileByteCount - offset) are left")
        }
        switch header.kind {
        case .index:
            try readIndex(header, at: start)
            return nil
        case .file:
            return try startEntry(header, name, at: start)
        }
    }

    /// The next bytes of the entry's content; nil: it is over, and its checksum is right.
    package mutating func nextPiece() throws(StorageError) -> [UInt8]? {
        guard remaining > 0 else { return nil }
        let piece = try take(min(remaining, UInt64(Self.pieceByteCount)), "a file's content")
        remaining -= UInt64(piece.count)
        running = checksum(piece, seed: running)
        if remaining == 0 { try checkContent() }
        return piece
    }

    private mutating func startEntry(
        _ header: ArchiveEntryHeader, _ name: [UInt8], at start: UInt64
    ) throws(StorageError) -> ArchiveEntry {
        guard let text = String(validating: name, as: UTF8.self), let path = RelativePath(text)
        else {
            throw .corrupt(
                file.path, at: Int(start) + ArchiveFormat.entryHeaderByteCount,
                "an entry's name leads out of the archive or has characters that none has")
        }
        guard names.insert(path).inserted else {
            throw .corrupt(file.path, at: Int(start), "a second entry `\(path)`")
        }
        let entry = ArchiveEntry(
            name: path, byteCount: header.byteCount, checksum: header.contentChecksum,
            offset: start)
        entries.append(entry)
        remaining = header.byteCount
        running = 0
        if remaining == 0 { try checkContent() }
        return entry
    }

    private func checkContent() throws(StorageError) {
        guard let entry = entries.last, running != entry.checksum else { return }
        throw .checksum(
            file.path, at: Int(entry.offset), of: "`\(entry.name)`", expected: entry.checksum,
            found: running)
    }

    private mutating func readIndex(
        _ header: ArchiveEntryHeader, at start: UInt64
    ) throws(StorageError) {
        guard header.byteCount <= ArchiveFormat.indexByteCountMax else {
            throw .corrupt(file.path, at: Int(start), "an index of \(header.byteCount) bytes")
        }
        let index = try take(header.byteCount, "the index")
        let found = checksum(index)
        guard found == header.contentChecksum else {
            throw .checksum(
                file.path, at: Int(start), of: "the index", expected: header.contentChecksum,
                found: found)
        }
        guard index == ArchiveFormat.encodedIndex(entries) else {
            throw .corrupt(file.path, at: Int(start), "the index is not that of the entries")
        }
        let end = offset + UInt64(ArchiveFormat.trailerByteCount)
        let trailer = try take(UInt64(ArchiveFormat.trailerByteCount), "the trailer")
        guard
            trailer == ArchiveFormat.encodedTrailer(indexOffset: start, byteCount: end),
            end == fileByteCount
        else {
            throw .corrupt(
                file.path, at: Int(end) - ArchiveFormat.trailerByteCount,
                "the trailer is not that of this archive, or bytes follow it")
        }
        isAtEnd = true
    }

    private mutating func take(
        _ count: UInt64, _ what: String
    ) throws(StorageError) -> [UInt8] {
        guard count <= fileByteCount - offset else {
            throw .corrupt(
                file.path, at: Int(offset), "the archive ends in the middle of \(what)")
        }
        let bytes = try file.bytes(at: offset, count: Int(count))
        offset += count
        return bytes
    }
}
