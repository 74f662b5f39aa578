internal import ApusCore
internal import ApusStorage

/// Finds what a restore needs: the newest snapshot at or before the target, and the archived log
/// from there on.
struct PointInTime {
    /// Where snapshots may lie.
    let stores: [SnapshotStore]
    /// Where log files lie; nil: only snapshots are restored.
    let archive: (any BlobStore)?

    struct Base {
        var part: SnapshotRecord.Part
        var store: SnapshotStore
        var createdAt: UInt64
    }

    /// The names of all collections that have a snapshot.
    func collections() throws -> [String] {
        var names: Set<String> = []
        for store in stores {
            for record in try store.allRecords() {
                names.formUnion(record.collections.map(\.collection))
            }
        }
        return names.sorted()
    }

    /// The newest snapshot of a collection at or before the target.
    ///
    /// A collection that was restored or made anew has another log since. For a time the log in
    /// force at that time counts, otherwise that of the newest snapshot.
    func base(of collection: String, _ target: RestoreTarget) throws -> Base {
        let all = try bases(of: collection)
        guard let newest = all.last else {
            throw DatabaseError(.notFound, "Not found: no snapshot of collection `\(collection)`")
        }
        let base: Base? =
            switch target {
            case .snapshot: newest
            case .latest: newest
            case .sequenceNumber(let number):
                all.filter {
                    $0.part.log == newest.part.log && $0.part.sequenceNumber <= number.rawValue
                }.max { $0.part.sequenceNumber < $1.part.sequenceNumber }
            case .time(let time):
                all.last {
                    $0.createdAt <= time.milliseconds && $0.part.time <= time.milliseconds
                }
            }
        guard let base else {
            throw DatabaseError(
                .notFound,
                "Not found: a snapshot of collection `\(collection)` at or before the target; the "
                    + "oldest is of batch \(all[0].part.sequenceNumber), made at "
                    + "\(Timestamp(milliseconds: all[0].createdAt))")
        }
        return base
    }

    /// Oldest first; of those made at one moment the one that goes further comes later.
    private func bases(of collection: String) throws -> [Base] {
        try stores.flatMap { store in
            try store.allRecords().flatMap { record in
                record.collections.filter { $0.collection == collection }.map {
                    Base(part: $0, store: store, createdAt: record.createdAt)
                }
            }
        }.sorted {
            ($0.createdAt, $0.part.sequenceNumber) < ($1.createdAt, $1.part.sequenceNumber)
        }
    }

    /// Puts archived log files beside those of the unpacked base, where they go further.
    func addLogFiles(
        to base: Base, in directory: String, fileSystem: any FileSystem
    ) throws {
        guard let archive else { return }
        let logDirectory = "\(directory)/\(FileName.walDirectory)"
        var longest: [SequenceNumber: ArchivedLogFile] = [:]
        let files = try ArchivedLogFile.list(
            of: base.part.collection, logID: base.part.log, in: archive)
        for file in files where file.last.rawValue > base.part.sequenceNumber {
            if let other = longest[file.first], other.last >= file.last { continue }
            longest[file.first] = file
        }
        for file in longest.values {
            guard let key = file.key, let size = try archive.size(of: key) else { continue }
            let name = FileName.wal(firstSequenceNumber: file.first)
            let target = "\(logDirectory)/\(name)"
            // The base has the beginning of it.
            if try fileSystem.kind(of: target) != nil { try fileSystem.remove(target) }
            let output = try fileSystem.open(target, .createNew)
            var offset: UInt64 = 0
            while offset < size {
                let piece = try archive.read(key, offset..<min(size, offset + 1 << 20))
                try output.write(piece, at: offset)
                offset += UInt64(piece.count)
            }
        }
    }
}
