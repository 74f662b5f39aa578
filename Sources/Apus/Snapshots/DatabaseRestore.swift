public import ApusCore
package import ApusStorage

/// Makes a new database directory from snapshots and the archive of the log.
public struct DatabaseRestore: Sendable {
    /// An archive file, or a directory of snapshots.
    public var source: String
    /// Where log files were archived; nil: in the source, if it is a directory.
    public var archiveDirectory: String?
    /// The collections to restore; nil: all that there are.
    public var collections: [String]?
    /// The name of a snapshot in the source; nil: the newest at or before the target.
    public var snapshot: String?
    public var target = RestoreTarget.latest

    /// What one collection became.
    public struct Outcome: Hashable, Sendable {
        public var collection: String
        /// The last batch that it has.
        public var sequenceNumber: SequenceNumber
        /// When that was written; nil: not known, or in the snapshot.
        public var time: Timestamp?
    }

    public init(source: String) { self.source = source }

    /// Restores into `directory`, which must not exist: everything is unpacked and checked beside it
    /// and has this name only at the end. Blocks.
    /// - Throws: `DatabaseError` that names the file or batch; nothing is left behind then.
    public func run(into directory: String) throws -> [Outcome] {
        try run(into: directory, fileSystem: PosixFileSystem())
    }

    package func run(
        into directory: String, fileSystem: any FileSystem
    ) throws -> [Outcome] {
        try DatabaseError.translating {
            guard try fileSystem.kind(of: directory) == nil else {
                throw DatabaseError(.alreadyExists, "\(directory) exists; restore into a new one")
            }
            let staging = directory + FileName.temporarySuffix
            if try fileSystem.kind(of: staging) == .directory {
                try fileSystem.removeTree(staging)
            }
            try Database.makeDirectories(staging, fileSystem)
            do {
                let outcomes = try restore(into: staging, fileSystem)
                try DatabaseMarker().write(fileSystem: fileSystem, directory: staging)
                try fileSystem.rename(staging, to: directory)
                let slash = directory.lastIndex(of: "/")
                let parent = slash.map { String(directory[..<$0]) } ?? "."
                try fileSystem.synchronizeDirectory(parent.isEmpty ? "/" : parent)
                return outcomes
            } catch {
                try? fileSystem.removeTree(staging)
                throw error
            }
        }
    }

    private func restore(
        into staging: String, _ fileSystem: any FileSystem
    ) throws -> [Outcome] {
        switch try fileSystem.kind(of: source) {
        case .file: try restoreArchive(into: staging, fileSystem)
        case .directory: try restoreStore(into: staging, fileSystem)
        case nil: throw DatabaseError(.notFound, "\(source): no such file or directory")
        }
    }

    private func restoreArchive(
        into staging: String, _ fileSystem: any FileSystem
    ) throws -> [Outcome] {
        let unpacker = SnapshotUnpacker(fileSystem: fileSystem, target: staging)
        let record = try unpacker.unpack(archive: source)
        let point = PointInTime(
            stores: [],
            archive: archiveDirectory.map { LocalBlobStore(fileSystem: fileSystem, directory: $0) })
        var outcomes: [Outcome] = []
        for part in record.collections {
            let directory = "\(staging)/\(part.directory)"
            guard collections?.contains(part.collection) ?? true else {
                try fileSystem.removeTree(directory)
                continue
            }
            let base = PointInTime.Base(
                part: part,
                store: SnapshotStore(
                    blobs: LocalBlobStore(fileSystem: fileSystem, directory: staging)),
                createdAt: record.createdAt)
            try check(base)
            outcomes.append(try finish(base, point, in: directory, fileSystem))
        }
        try checkAllFound(outcomes)
        try write(aliases: record.aliases, to: staging, outcomes, fileSystem)
        return outcomes
    }

    private func restoreStore(
        into staging: String, _ fileSystem: any FileSystem
    ) throws -> [Outcome] {
        let store = SnapshotStore(
            blobs: LocalBlobStore(fileSystem: fileSystem, directory: source))
        let archive = LocalBlobStore(
            fileSystem: fileSystem, directory: archiveDirectory ?? source)
        let point = PointInTime(
            stores: archiveDirectory == nil ? [store] : [store, SnapshotStore(blobs: archive)],
            archive: archive)
        let unpacker = SnapshotUnpacker(fileSystem: fileSystem, target: staging)
        var aliases: [String: String]?
        var bases: [PointInTime.Base] = []
        if let snapshot {
            guard let record = try store.allRecords().last(where: { $0.name == snapshot }) else {
                throw DatabaseError.snapshotNotFound(snapshot)
            }
            aliases = record.aliases
            bases = record.collections.filter { collections?.contains($0.collection) ?? true }
                .map { PointInTime.Base(part: $0, store: store, createdAt: record.createdAt) }
        } else {
            aliases = try store.records(of: .database).last?.aliases
            for name in try collections ?? point.collections() {
                bases.append(try point.base(of: name, target))
            }
        }
        var outcomes: [Outcome] = []
        for base in bases {
            try check(base)
            try unpacker.unpack(base.part, from: base.store)
            outcomes.append(
                try finish(base, point, in: "\(staging)/\(base.part.directory)", fileSystem))
        }
        try checkAllFound(outcomes)
        try write(aliases: aliases, to: staging, outcomes, fileSystem)
        return outcomes
    }

    /// The target must not lie before the snapshot that was chosen.
    private func check(_ base: PointInTime.Base) throws {
        let isAfter =
            switch target {
            case .snapshot, .latest: true
            case .sequenceNumber(let number): base.part.sequenceNumber <= number.rawValue
            case .time(let time): base.part.time <= time.milliseconds
            }
        guard isAfter else {
            throw DatabaseError.wrongInput(
                "the snapshot of collection `\(base.part.collection)` ends at batch "
                    + "\(base.part.sequenceNumber), written at "
                    + "\(Timestamp(milliseconds: base.part.time)) or before: that is after the "
                    + "target")
        }
    }

    private func finish(
        _ base: PointInTime.Base, _ point: PointInTime, in directory: String,
        _ fileSystem: any FileSystem
    ) throws -> Outcome {
        if target != .snapshot {
            try point.addLogFiles(to: base, in: directory, fileSystem: fileSystem)
        }
        let end = try RestoredCollection(
            fileSystem: fileSystem, directory: directory, part: base.part
        ).build(target)
        return Outcome(
            collection: base.part.collection, sequenceNumber: end.sequenceNumber,
            time: end.time == 0 ? nil : Timestamp(milliseconds: end.time))
    }

    private func checkAllFound(_ outcomes: [Outcome]) throws {
        let found = Set(outcomes.map(\.collection))
        if let missing = collections?.first(where: { !found.contains($0) }) {
            throw DatabaseError(
                .notFound, "Not found: collection `\(missing)` is not in the snapshot")
        }
    }

    private func write(
        aliases: [String: String]?, to staging: String, _ outcomes: [Outcome],
        _ fileSystem: any FileSystem
    ) throws {
        let found = Set(outcomes.map(\.collection))
        let kept = (aliases ?? [:]).filter { found.contains($0.value) }
        if !kept.isEmpty {
            try AliasFile(directory: staging, fileSystem: fileSystem).write(kept)
        }
        try fileSystem.synchronizeDirectory(staging)
    }
}
