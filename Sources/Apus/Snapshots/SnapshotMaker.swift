internal import ApusCore
private import ApusKernels
internal import ApusStorage

/// Makes snapshots: collects files at one LSN, names them by their content, stores what is new.
///
/// Every byte is read on the way: damage must be found before the copy is trusted, not when it is
/// needed. When it fails, also for want of space, nothing of it stays behind.
struct SnapshotMaker {
    private static let pieceByteCount = 1 << 20

    let store: SnapshotStore
    let fileSystem: any FileSystem
    /// A directory on the collections' file system, made and removed here; one that a crash leaves
    /// is removed at the next start.
    let staging: String
    /// Milliseconds since 1970.
    let now: UInt64
    /// Asked often: once it is true nothing more is made, and the error says so.
    var isCancelled: @Sendable () -> Bool = { false }

    func make(
        of collections: [Collection], owner: SnapshotStore.Owner, named stem: String,
        aliases: [String: String]? = nil
    ) throws -> SnapshotRecord {
        if try fileSystem.kind(of: staging) == .directory { try fileSystem.removeTree(staging) }
        try fileSystem.makeDirectory(staging)
        // What stays behind is removed at the next start, or by the next snapshot.
        defer { try? fileSystem.removeTree(staging) }
        var hasNew = false
        do {
            let captured = try collections.map { collection in
                let name = CollectionFiles.directoryName(of: collection.name)
                return try collection.capture(in: "\(staging)/\(name)")
            }
            var record = SnapshotRecord(
                name: Self.name(stem, now, owner == .database ? [] : captured), createdAt: now,
                collections: [],
                aliases: aliases)
            for part in captured {
                record.collections.append(try stored(part, &hasNew))
            }
            record.archive = try archive(of: record)
            return try store.add(record, of: owner)
        } catch {
            if hasNew { try? store.removeGarbage() }
            throw error
        }
    }

    /// `books-2026-01-31-12-00-00-123-lsn42.snapshot`: ordered by time, safe in paths and addresses.
    private static func name(
        _ stem: String, _ now: UInt64, _ captured: [CapturedCollection]
    ) -> String {
        var name = ""
        for scalar in stem.unicodeScalars.prefix(100) {
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || "0"..."9" ~= scalar)
            name.unicodeScalars.append(isPlain || scalar == "-" ? scalar : "_")
        }
        let time = Timestamp(milliseconds: now / 1000 * 1000).description.dropLast()
        let digits = String(now % 1000)
        name += "-" + time.map { $0.isNumber ? String($0) : "-" }.joined()
        name += "-" + String(repeating: "0", count: 3 - digits.count) + digits
        if let part = captured.first { name += "-lsn\(part.sequenceNumber)" }
        return name + ".snapshot"
    }

    private func stored(
        _ captured: CapturedCollection, _ hasNew: inout Bool
    ) throws -> SnapshotRecord.Part {
        var part = SnapshotRecord.Part(
            collection: captured.collection,
            sequenceNumber: captured.sequenceNumber.rawValue, time: captured.time,
            log: captured.manifest.logID.description, files: [])
        try checkLog(captured)
        for name in captured.names {
            let path = "\(captured.directory)/\(name)"
            let file = try described(name, path: path)
            if try store.blobs.size(of: try store.contentKey(of: file)) == nil {
                try checkContent(name, path: path)
                hasNew = true
            }
            _ = try store.addContent(file, path: path)
            part.files.append(file)
        }
        return part
    }

    private func described(_ name: String, path: String) throws -> SnapshotRecord.File {
        var hash = SHA256()
        var checksum: UInt32 = 0
        let file = try fileSystem.open(path, .read)
        let byteCount = try file.size()
        try file.forEachPiece(of: Self.pieceByteCount) { (bytes, _) throws(StorageError) in
            try checkIsWanted(path)
            hash.update(bytes)
            checksum = CRC32C.checksum(of: bytes, seed: checksum)
        }
        return SnapshotRecord.File(
            name: name, byteCount: byteCount, sha256: hash.digest().description,
            crc32c: checksum)
    }

    /// A file that goes into the store for the first time has to be what was written.
    private func checkContent(_ name: String, path: String) throws {
        if FileName.number(ofSegment: name) != nil {
            let faults = StorageCheck.segment(fileSystem: fileSystem, path: path)
            if let fault = faults.first { throw fault }
        } else if FileName.deletions(name) != nil {
            _ = try DeletionFile.read(fileSystem: fileSystem, path: path, rowCount: nil)
        }
    }

    /// The log must lead to the snapshot's LSN exactly.
    private func checkLog(_ captured: CapturedCollection) throws {
        let files = CollectionFiles(directory: captured.directory, fileSystem: fileSystem)
        let last = unsafe try LogFiles.replay(
            fileSystem: fileSystem, directory: files.logDirectory,
            after: captured.manifest.flushedThrough, logID: captured.manifest.logID
        ) { _, _ in }
        guard last == captured.sequenceNumber else {
            throw DatabaseError(
                .corruption,
                "collection `\(captured.collection)`: the log ends at \(last), expected "
                    + "\(captured.sequenceNumber)")
        }
    }

    private func archive(of record: SnapshotRecord) throws -> SnapshotRecord.Archive {
        var stream = try store.stream(record)
        var hash = SHA256()
        while let piece = try stream.next() {
            try checkIsWanted(record.name)
            hash.update(piece)
        }
        return SnapshotRecord.Archive(
            byteCount: stream.byteCount, sha256: hash.digest().description)
    }

    private func checkIsWanted(_ path: String) throws(StorageError) {
        guard isCancelled() else { return }
        throw StorageError(.closed, path: path, "no snapshot is made of a collection that closes")
    }
}
