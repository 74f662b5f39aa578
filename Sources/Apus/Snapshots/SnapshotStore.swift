internal import ApusCore
private import ApusKernels
internal import ApusStorage

/// Snapshots in a blob store.
///
/// Keys: `blobs/<SHA-256>` for contents; records under `collections/<directory>/<name>`,
/// `full/<name>` and `bases/<directory>/<name>`. A record is stored last, and removed first: a
/// snapshot exists from one moment to another. Contents that no record names are removed with the
/// next deletion after which every record can be read. One caller at a time may add or delete;
/// reading is free.
struct SnapshotStore: Sendable {
    /// Where a database keeps its snapshots unless it is told otherwise.
    static let directoryName = "snapshots.d"
    static let recordPrefixes = ["collections/", "full/", "bases/"]

    /// Whose snapshots.
    enum Owner: Hashable, Sendable {
        case collection(String)
        case database
        /// What the log's archive of a collection begins with; no snapshot that a user made.
        case base(of: String)

        var prefix: String {
            switch self {
            case .collection(let name): "collections/\(CollectionFiles.directoryName(of: name))"
            case .database: "full"
            case .base(let name): "bases/\(CollectionFiles.directoryName(of: name))"
            }
        }
    }

    let blobs: any BlobStore

    /// nil: there is none of that name.
    func record(named name: String, of owner: Owner) throws -> SnapshotRecord? {
        guard !name.contains("/"), let key = RelativePath("\(owner.prefix)/\(name)") else {
            return nil
        }
        return try record(key)
    }

    /// Stores a record whose contents are there already, under its name or, when that is taken, a
    /// similar one.
    func add(_ record: SnapshotRecord, of owner: Owner) throws -> SnapshotRecord {
        var record = record
        let name = record.name
        for attempt in 1...1000 {
            if attempt > 1 {
                record.name = name.replacing(".snapshot", with: "-\(attempt).snapshot")
            }
            let key = try key("\(owner.prefix)/\(record.name)")
            if try blobs.putIfAbsent(key, .bytes(try record.encoded())) { return record }
        }
        throw DatabaseError(.alreadyExists, "snapshot `\(name)` exists a thousand times")
    }

    /// Stores a file's content under its name; false: it was there.
    func addContent(_ file: SnapshotRecord.File, path: String) throws -> Bool {
        try blobs.putIfAbsent(try contentKey(of: file), .file(path: path))
    }

    /// Removes the record of a snapshot, damaged or not; `removeGarbage` removes what only it had.
    /// False: there is no such snapshot.
    func delete(named name: String, of owner: Owner) throws -> Bool {
        guard !name.contains("/"), let key = RelativePath("\(owner.prefix)/\(name)") else {
            return false
        }
        return try blobs.delete(key)
    }

    /// Removes contents that no record names, and what interrupted calls left.
    ///
    /// Throws, and removes no content, while a record cannot be read: what it names is not known.
    func removeGarbage() throws {
        for prefix in Self.recordPrefixes + ["blobs/"] {
            try blobs.removeRemains(prefix: prefix)
        }
        let listing = try listing()
        if let unreadable = listing.unreadable.first {
            throw DatabaseError(
                unreadable.reason.kind,
                "\(unreadable.reason.message); nothing is removed from the store while it is not "
                    + "known what this record names")
        }
        var named: Set<RelativePath> = []
        for record in listing.records {
            for part in record.collections {
                for file in part.files { named.insert(try contentKey(of: file)) }
            }
        }
        for key in try blobs.list(prefix: "blobs/") where !named.contains(key) {
            try blobs.delete(key)
        }
    }

    /// The snapshot as one archive.
    func stream(_ record: SnapshotRecord) throws -> ArchiveStream {
        var inner = record
        inner.archive = nil
        var sources = [
            ArchiveStream.Source(
                name: try key(SnapshotRecord.fileName), bytes: try inner.encoded())
        ]
        for part in record.collections {
            for file in part.files {
                sources.append(
                    ArchiveStream.Source(
                        name: try key("\(part.directory)/\(file.name)"),
                        byteCount: file.byteCount, checksum: file.crc32c,
                        content: .blob(try contentKey(of: file), in: blobs)))
            }
        }
        return ArchiveStream(sources)
    }

    func contentKey(of file: SnapshotRecord.File) throws -> RelativePath {
        try key("blobs/\(file.sha256)")
    }

    /// nil: it is gone.
    func record(_ key: RelativePath) throws -> SnapshotRecord? {
        guard let size = try blobs.size(of: key) else { return nil }
        let place = blobs.place(of: key)
        guard size <= SnapshotRecord.byteCountMax else {
            throw DatabaseError(.corruption, "\(place): a record of \(size) bytes")
        }
        return try SnapshotRecord(decoding: try blobs.read(key, 0..<size), path: place)
    }

    private func key(_ text: String) throws -> RelativePath {
        guard let key = RelativePath(text) else {
            throw DatabaseError(.internalError, "`\(text)` is no key")
        }
        return key
    }
}

extension BlobStore {
    /// What to call a blob towards people: its path, where it is a file.
    func place(of key: RelativePath) -> String {
        guard let store = self as? LocalBlobStore else { return key.description }
        return "\(store.directory)/\(key)"
    }
}
