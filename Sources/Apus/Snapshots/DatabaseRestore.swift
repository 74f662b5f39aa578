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

    /// A collection that is not restored because it was made after the target's time.
    public struct LeftOut: Hashable, Sendable {
        public var collection: String
        public var createdAt: Timestamp
    }

    /// What the new database has, and what it does not.
    public struct Report: Hashable, Sendable {
        public internal(set) var collections: [Outcome] = []
        public internal(set) var leftOut: [LeftOut] = []
    }

    public init(source: String) { self.source = source }

    /// Restores into `directory`, which must not exist: everything is unpacked and checked beside it
    /// and has this name only at the end. Blocks.
    /// - Throws: `DatabaseError` that names the file or batch; nothing is left behind then.
    public func run(into directory: String) throws -> Report {
        try run(into: directory, fileSystem: PosixFileSystem())
    }

    package func run(
        into directory: String, fileSystem: any FileSystem
    ) throws -> Report {
        try DatabaseError.plainly {
            var restore = self
            restore.source = source.normalizedPath
            restore.archiveDirectory = archiveDirectory?.normalizedPath
            restore.collections = collections?.uniqued
            return try restore.run(into: directory.normalizedPath, over: fileSystem)
        }
    }

    private func run(
        into directory: String, over fileSystem: any FileSystem
    ) throws -> Report {
        guard try fileSystem.kind(of: directory) == nil else {
            throw DatabaseError(.alreadyExists, "\(directory) exists; restore into a new one")
        }
        let name = directory.split(separator: "/").last ?? ""
        guard name != "", name != ".." else {
            throw DatabaseError(.invalidArgument, "`\(directory)` is no name for a new directory")
        }
        let parent = FileName.parent(of: directory)
        // Nobody else's: what an earlier restore left there may go.
        let staging = "\(parent)/.\(name).restoring"
        if try fileSystem.kind(of: staging) == .directory {
            try fileSystem.removeTree(staging)
        }
        try Database.makeDirectories(staging, fileSystem)
        do {
            let report = try self.restore(into: staging, fileSystem)
            try DatabaseMarker().write(fileSystem: fileSystem, directory: staging)
            try fileSystem.rename(staging, to: directory)
            try fileSystem.synchronizeDirectory(parent)
            return report
        } catch {
            try? fileSystem.removeTree(staging)
            throw error
        }
    }

    private func restore(
        into staging: String, _ fileSystem: any FileSystem
    ) throws -> Report {
        switch try fileSystem.kind(of: source) {
        case .file: try restoreArchive(into: staging, fileSystem)
        case .directory: try restoreStore(into: staging, fileSystem)
        case nil: throw DatabaseError(.notFound, "\(source): no such file or directory")
        }
    }

    private func restoreArchive(
        into staging: String, _ fileSystem: any FileSystem
    ) throws -> Report {
        let unpacker = SnapshotUnpacker(fileSystem: fileSystem, target: staging)
        let record = try unpacker.unpack(archive: source)
        let archive = archiveDirectory.map {
            LocalBlobStore(fileSystem: fileSystem, directory: $0)
        }
        var report = Report()
        for part in record.collections {
            guard collections?.contains(part.collection) ?? true else {
                try fileSystem.removeTree("\(staging)/\(part.directory)")
                continue
            }
            report.collections.append(try finish(part, archive, in: staging, fileSystem))
        }
        try complete(report, aliases: record.aliases, in: staging, fileSystem)
        return report
    }

    private func restoreStore(
        into staging: String, _ fileSystem: any FileSystem
    ) throws -> Report {
        let archive = LocalBlobStore(
            fileSystem: fileSystem, directory: archiveDirectory ?? source)
        var stores = [
            SnapshotStore(blobs: LocalBlobStore(fileSystem: fileSystem, directory: source))
        ]
        if archiveDirectory != nil { stores.append(SnapshotStore(blobs: archive)) }
        let plan = try RestorePlan(self, stores: stores, fileSystem: fileSystem)
        let unpacker = SnapshotUnpacker(fileSystem: fileSystem, target: staging)
        var report = Report(leftOut: plan.leftOut)
        for base in plan.bases {
            try unpacker.unpack(base.part, from: base.store)
            report.collections.append(try finish(base.part, archive, in: staging, fileSystem))
        }
        try complete(report, aliases: plan.aliases, in: staging, fileSystem)
        return report
    }

    /// Makes the unpacked files of a snapshot the collection at the target.
    private func finish(
        _ part: SnapshotRecord.Part, _ archive: (any BlobStore)?, in staging: String,
        _ fileSystem: any FileSystem
    ) throws -> Outcome {
        try check(part)
        let log =
            target == .snapshot
            ? nil : try archive.map { try ArchivedLog(after: part, to: target, in: $0) }
        let end = try RestoredCollection(
            fileSystem: fileSystem, directory: "\(staging)/\(part.directory)", part: part
        ).build(target, from: log)
        return Outcome(
            collection: part.collection, sequenceNumber: end.sequenceNumber,
            time: end.time == 0 ? nil : Timestamp(milliseconds: end.time))
    }

    /// The target must not lie before the snapshot that was chosen.
    private func check(_ part: SnapshotRecord.Part) throws {
        let isAfter =
            switch target {
            case .snapshot, .latest: true
            case .sequenceNumber(let number): part.sequenceNumber <= number.rawValue
            case .time(let time): part.time <= time.milliseconds
            }
        guard isAfter else {
            throw DatabaseError.wrongInput(
                "the snapshot of collection `\(part.collection)` ends at batch "
                    + "\(part.sequenceNumber), written at \(Timestamp(milliseconds: part.time)) or "
                    + "before: that is after the target")
        }
    }

    /// Throws unless all that was asked for is there, and writes the aliases.
    private func complete(
        _ report: Report, aliases: [String: String]?, in staging: String,
        _ fileSystem: any FileSystem
    ) throws {
        let found = Set(report.collections.map(\.collection))
        if let missing = collections?.first(where: { !found.contains($0) }) {
            throw DatabaseError(
                .notFound, "Not found: collection `\(missing)` is not in the snapshot")
        }
        let kept = (aliases ?? [:]).filter { found.contains($0.value) }
        if !kept.isEmpty {
            try AliasFile(directory: staging, fileSystem: fileSystem).write(kept)
        }
        try fileSystem.synchronizeDirectory(staging)
    }
}

extension [String] {
    /// Each once, in order.
    fileprivate var uniqued: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
