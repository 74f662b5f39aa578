internal import ApusCore
private import ApusKernels
internal import ApusStorage

/// Snapshots in a blob store.
///
/// Keys: `blobs/<SHA-256>` for contents; records under `collections/<directory>/<name>`,
/// `full/<name>` and `bases/<directory>/<name>`. A record is stored last, and removed first: a
/// snapshot exists from one moment to another. Contents that no record names are removed with the
/// next deletion. One caller at a time may add or delete; reading is free.
struct SnapshotStore: Sendable {
    /// Whose snapshots.
    enum Owner: Hashable, Sendable {
        case collection(String)
        case database
        /// What the log's archive of a collection begins with; no snapshot that a user made.
        case base(of: String)

        fileprivate var prefix: String {
            switch self {
            case .collection(let name): "collections/\(CollectionFiles.directoryName(of: name))"
            case .database: "full"
            case .base(let name): "bases/\(CollectionFiles.directoryName(of: name))"
            }
        }
    }

    let blobs: any BlobStore

    /// All records of an owner, oldest first.
    func records(of owner: Owner) throws -> [SnapshotRecord] {
        try records(prefix: owner.prefix + "/").sorted { $0.createdAt < $1.createdAt }
    }

    private static let recordPrefixes = ["collections/", "full/", "bases/"]

    /// All records of the store, oldest first.
    func allRecords() throws -> [SnapshotRecord] {
        try Self.recordPrefixes.flatMap(records(prefix:))
            .sorted { $0.createdAt < $1.createdAt }
    }

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

    /// False: there is no such snapshot.
    func delete(named name: String, of owner: Owner) throws -> Bool {
        guard !name.contains("/"), let key = RelativePath("\(owner.prefix)/\(name)"),
            try blobs.delete(key)
        else { return false }
        try removeGarbage()
        return true
    }

    /// Removes contents that no record names, and what interrupted calls left.
    func removeGarbage() throws {
        var named: Set<RelativePath> = []
        for record in try allRecords() {
            for part in record.collections {
                for file in part.files { named.insert(try contentKey(of: file)) }
            }
        }
        for key in try blobs.list(prefix: "blobs/") where !named.contains(key) {
            try blobs.delete(key)
        }
        for prefix in Self.recordPrefixes + ["blobs/"] {
            try blobs.removeRemains(prefix: prefix)
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

    private func records(prefix: String) throws -> [SnapshotRecord] {
        try blobs.list(prefix: prefix).compactMap(record)
    }

    private func record(_ key: RelativePath) throws -> SnapshotRecord? {
        guard let size = try blobs.size(of: key) else { return nil }
        guard size <= SnapshotRecord.byteCountMax else {
            throw DatabaseError(.corruption, "\(key): a record of \(size) bytes")
        }
        return try SnapshotRecord(
            decoding: try blobs.read(key, 0..<size), path: key.description)
    }

    private func key(_ text: String) throws -> RelativePath {
        guard let key = RelativePath(text) else {
            throw DatabaseError(.internalError, "`\(text)` is no key")
        }
        return key
    }
}
