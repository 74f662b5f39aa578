/// Makes the bytes of an archive, piece by piece, from the first to the last: whoever wants the
/// archive pulls, so that one of any size takes the memory of a piece.
///
/// The bytes depend on the entries alone. Each content is compared with the checksum that its entry
/// says: a file that has rotted ends the stream with `.corrupt` instead of going out as if it were
/// whole. Used by one thread at a time.
package struct ArchiveStream {
    /// A file that goes into an archive.
    package struct Source: Sendable {
        package enum Content: Sendable {
            case bytes([UInt8])
            case blob(RelativePath, in: any BlobStore)
            case file(path: String, fileSystem: any FileSystem)
        }

        package var name: RelativePath
        package var byteCount: UInt64
        /// CRC32C of the content.
        package var checksum: UInt32
        package var content: Content

        package init(
            name: RelativePath, byteCount: UInt64, checksum: UInt32, content: Content
        ) {
            self.name = name
            self.byteCount = byteCount
            self.checksum = checksum
            self.content = content
        }

        package init(name: RelativePath, bytes: [UInt8]) {
            self.init(
                name: name, byteCount: UInt64(bytes.count),
                checksum: ApusStorage.checksum(bytes), content: .bytes(bytes))
        }
    }

    private enum Stage {
        case header
        case entry(Int)
        case content(Int, done: UInt64, checksum: UInt32)
        case index
        case end
    }

    private let sources: [Source]
    private let pieceByteCount: Int
    private var stage = Stage.header
    private var offset: UInt64 = 0
    private var entries: [ArchiveEntry] = []

    package init(_ sources: [Source], pieceByteCount: Int = 1 << 20) {
        self.sources = sources
        self.pieceByteCount = pieceByteCount
    }

    /// How many bytes the stream gives in all.
    package var byteCount: UInt64 {
        ArchiveFormat.byteCount(of: sources.lazy.map { ($0.name, $0.byteCount) })
    }

    /// The next bytes; nil after the last.
    package mutating func next() throws(StorageError) -> [UInt8]? {
        while true {
            guard let piece = try step() else { return nil }
            offset += UInt64(piece.count)
            if !piece.isEmpty { return piece }
        }
    }

    private mutating func step() throws(StorageError) -> [UInt8]? {
        switch stage {
        case .header:
            stage = .entry(0)
            return ArchiveFormat.encodedHeader()
        case .entry(let position) where position == sources.count:
            stage = .index
            return []
        case .entry(let position):
            let source = sources[position]
            entries.append(
                ArchiveEntry(
                    name: source.name, byteCount: source.byteCount, checksum: source.checksum,
                    offset: offset))
            stage = .content(position, done: 0, checksum: 0)
            return ArchiveEntryHeader.encoded(
                .file, name: source.name.description, byteCount: source.byteCount,
                checksum: source.checksum)
        case .content(let position, let done, let checksum):
            return try content(position, done: done, checksum: checksum)
        case .index:
            let index = ArchiveFormat.encodedIndex(entries)
            let header = ArchiveEntryHeader.encoded(
                .index, name: "", byteCount: UInt64(index.count),
                checksum: ApusStorage.checksum(index))
            let end = offset + UInt64(header.count + index.count + ArchiveFormat.trailerByteCount)
            stage = .end
            return header + index
                + ArchiveFormat.encodedTrailer(indexOffset: offset, byteCount: end)
        case .end:
            return nil
        }
    }

    private mutating func content(
        _ position: Int, done: UInt64, checksum: UInt32
    ) throws(StorageError) -> [UInt8] {
        let source = sources[position]
        guard done < source.byteCount else {
            guard checksum == source.checksum else {
                throw .checksum(
                    source.name.description, at: 0, of: "the file", expected: source.checksum,
                    found: checksum)
            }
            stage = .entry(position + 1)
            return []
        }
        let end = min(source.byteCount, done + UInt64(pieceByteCount))
        let piece = try source.read(done..<end)
        stage = .content(
            position, done: end, checksum: ApusStorage.checksum(piece, seed: checksum))
        return piece
    }
}

extension ArchiveStream.Source {
    fileprivate func read(_ range: Range<UInt64>) throws(StorageError) -> [UInt8] {
        switch content {
        case .bytes(let bytes): return Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
        case .blob(let key, let store): return try store.read(key, range)
        case .file(let path, let fileSystem):
            let file = try fileSystem.open(path, .read)
            return try file.bytes(
                at: range.lowerBound, count: Int(range.upperBound - range.lowerBound))
        }
    }
}

extension FileSystem {
    /// Writes the stream as a file, which has its name only once it is whole and durable. Replaces
    /// what had the name. The caller syncs the directory.
    package func write(_ stream: ArchiveStream, to path: String) throws(StorageError) {
        let temporary = path + FileName.temporarySuffix
        do throws(StorageError) {
            let file = try open(temporary, .createEmpty)
            var stream = stream
            var offset: UInt64 = 0
            while let piece = try stream.next() {
                try file.write(piece, at: offset)
                offset += UInt64(piece.count)
            }
            try file.synchronize()
            try rename(temporary, to: path)
        } catch {
            try? remove(temporary)
            throw error
        }
    }
}
