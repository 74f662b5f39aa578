internal import ApusCore
private import ApusKernels
internal import ApusStorage

/// Puts the files of a snapshot into a directory, and believes none of them: each must have the
/// length, the SHA-256 and the CRC32C that the record says, and an archive must have the files of
/// its record and no other.
struct SnapshotUnpacker {
    let fileSystem: any FileSystem
    /// Exists and is empty; whoever made it removes it after an error.
    let target: String

    /// From an archive file. Returns its record.
    func unpack(archive path: String) throws -> SnapshotRecord {
        var reader = try ArchiveReader(fileSystem: fileSystem, path: path)
        guard let first = try reader.nextEntry(),
            first.name.description == SnapshotRecord.fileName,
            first.byteCount <= SnapshotRecord.byteCountMax
        else {
            throw DatabaseError(
                .corruption, "\(path): the archive does not begin with the record of a snapshot")
        }
        var bytes: [UInt8] = []
        while let piece = try reader.nextPiece() { bytes += piece }
        let record = try SnapshotRecord(decoding: bytes, path: path)
        var wanted: [String: SnapshotRecord.File] = [:]
        for part in record.collections {
            for file in part.files { wanted["\(part.directory)/\(file.name)"] = file }
        }
        while let entry = try reader.nextEntry() {
            guard let file = wanted.removeValue(forKey: entry.name.description) else {
                throw DatabaseError(
                    .corruption, "\(path): `\(entry.name)` is not in the snapshot's record")
            }
            try write(file, to: entry.name.description, from: path) {
                try reader.nextPiece()
            }
        }
        if let missing = wanted.keys.min() {
            throw DatabaseError(.corruption, "\(path): the archive has no `\(missing)`")
        }
        return record
    }

    /// From a store: the files of one collection.
    func unpack(_ part: SnapshotRecord.Part, from store: SnapshotStore) throws {
        for file in part.files {
            let key = try store.contentKey(of: file)
            var offset: UInt64 = 0
            let place = store.blobs.place(of: key)
            try write(file, to: "\(part.directory)/\(file.name)", from: place) {
                guard offset < file.byteCount else { return nil }
                let end = min(file.byteCount, offset + 1 << 20)
                defer { offset = end }
                return try store.blobs.read(key, offset..<end)
            }
        }
    }

    private func write(
        _ file: SnapshotRecord.File, to name: String, from source: String,
        _ nextPiece: () throws -> [UInt8]?
    ) throws {
        var directory = target
        for part in name.split(separator: "/").dropLast() {
            directory += "/\(part)"
            try fileSystem.makeDirectoryIfNeeded(directory)
        }
        let output = try fileSystem.open("\(target)/\(name)", .createNew)
        var hash = SHA256()
        var checksum: UInt32 = 0
        var offset: UInt64 = 0
        while let piece = try nextPiece() {
            hash.update(piece)
            checksum = CRC32C.checksum(of: piece, seed: checksum)
            try output.write(piece, at: offset)
            offset += UInt64(piece.count)
        }
        guard offset == file.byteCount, hash.digest().description == file.sha256,
            checksum == file.crc32c
        else {
            throw DatabaseError(
                .corruption,
                "\(source): `\(name)` is not what the snapshot has: expected \(file.byteCount) "
                    + "bytes with SHA-256 \(file.sha256), found \(offset) bytes with "
                    + "\(hash.digest())")
        }
        try output.synchronize()
    }
}
