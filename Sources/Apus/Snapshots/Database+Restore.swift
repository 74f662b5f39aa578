public import ApusCore
private import ApusKernels
internal import ApusStorage
private import Synchronization

/// Where a collection is restored from.
public enum SnapshotSource: Hashable, Sendable {
    /// A file, as it left a machine.
    case archive(path: String)
    /// One of this database's own.
    case snapshot(name: String, collection: String)
}

extension Database {
    /// Makes `name` what the snapshot is: a new collection, or, with `replacing`, one in the place
    /// of the present one.
    ///
    /// Everything is unpacked beside the present collection, checked byte for byte and opened once
    /// before anything changes. Then one rename decides: after a crash before it nothing has
    /// happened, after it the next start finishes the replacement. Aliases stay. With an archive of
    /// the log everything acknowledged is in it before, so that what is replaced can be restored.
    /// - Parameter checksum: SHA-256 of the archive, in hexadecimal; nil: not compared.
    /// - Returns: the last batch that the collection has.
    /// - Throws: `DatabaseError`: `.corruption` that names the file, `.failedPrecondition` for a
    ///   newer format, `.alreadyExists`, `.notFound`, `.outOfSpace`; also when the log of what would
    ///   be replaced cannot be archived.
    @discardableResult
    public func restoreCollection(
        _ name: String, from source: SnapshotSource, replacing: Bool, checksum: String? = nil
    ) throws -> SequenceNumber {
        let name = context.aliasMap[name] ?? name
        try Self.checkName(name, what: "Collection")
        return try DatabaseError.translating {
            try context.snapshotWork.withLock { _ in
                if !replacing, isTaken(name) {
                    throw DatabaseError.collectionExists(name)
                }
                let staging = "\(path)/\(Name.temporaryPrefix)restore"
                let fileSystem = context.fileSystem
                if try fileSystem.kind(of: staging) == .directory {
                    try fileSystem.removeTree(staging)
                }
                try fileSystem.makeDirectory(staging)
                // What stays behind is removed at the next start.
                defer { try? fileSystem.removeTree(staging) }
                if let checksum, case .archive(let archive) = source {
                    try compare(archive, with: checksum)
                }
                let part = try unpack(source, in: staging)
                let restored = RestoredCollection(
                    fileSystem: fileSystem, directory: "\(staging)/\(part.directory)", part: part)
                let end = try restored.build(.snapshot)
                try tryOut(restored.directory, as: name, expecting: end.sequenceNumber)
                context.collections[name]?.makeBase()
                try install(restored.directory, as: name, replacing: replacing)
                // The archived log of what was here does not go on with it.
                context.collections[name]?.makeBase()
                return end.sequenceNumber
            }
        }
    }

    private func unpack(
        _ source: SnapshotSource, in staging: String
    ) throws -> SnapshotRecord.Part {
        let unpacker = SnapshotUnpacker(fileSystem: context.fileSystem, target: staging)
        switch source {
        case .archive(let path):
            let record = try unpacker.unpack(archive: path)
            guard let part = record.collections.first, record.collections.count == 1 else {
                throw DatabaseError.wrongInput(
                    "the snapshot has \(record.collections.count) collections, expected one; "
                        + "`apus restore` restores a whole database")
            }
            return part
        case .snapshot(let name, let collection):
            let owner = SnapshotStore.Owner.collection(collection)
            guard let record = try context.snapshots.record(named: name, of: owner),
                let part = record.collections.first
            else { throw DatabaseError.snapshotNotFound(name) }
            try unpacker.unpack(part, from: context.snapshots)
            return part
        }
    }

    private func compare(_ archive: String, with checksum: String) throws {
        var hash = SHA256()
        try context.fileSystem.open(archive, .read).forEachPiece(of: 1 << 20) {
            (bytes, _) throws(StorageError) in hash.update(bytes)
        }
        guard hash.digest().description == checksum.lowercased() else {
            throw DatabaseError.wrongInput(
                "Snapshot checksum mismatch: expected \(checksum), found \(hash.digest())")
        }
    }

    /// Opens the files as a collection and lets go of them again.
    private func tryOut(
        _ directory: String, as name: String, expecting lsn: SequenceNumber
    ) throws {
        let trial = try Collection.openIdle(name: name, directory: directory, context: context)
        let found = trial.view().lsn
        let damage = trial.degradations().first
        trial.abandon()
        if let damage { throw DatabaseError(.corruption, "the restored collection: \(damage)") }
        guard found == lsn else {
            throw DatabaseError(
                .corruption, "the restored collection ends at batch \(found), expected \(lsn)")
        }
    }

    private func install(_ directory: String, as name: String, replacing: Bool) throws {
        try administration.withLock { state in
            try Self.checkOpen(state)
            let present = context.collections[name]
            if isTaken(name), !replacing { throw DatabaseError.collectionExists(name) }
            if present == nil, context.aliasMap[name] != nil {
                throw DatabaseError(
                    .alreadyExists, "Wrong input: Alias with the name `\(name)` already exists!")
            }
            let fileSystem = context.fileSystem
            let target = "\(path)/\(CollectionFiles.directoryName(of: name))"
            try fileSystem.synchronizeDirectory(path)
            try removeUnfinishedRestore(of: name)
            try present?.archiveBeforeRemoval()
            // Its background work must not meet the new files under their common path.
            present?.abandon()
            do {
                try fileSystem.rename(directory, to: target + Name.restoredSuffix)
            } catch {
                if present != nil {
                    context.register(
                        try Collection.open(name: name, directory: target, context: context))
                }
                throw error
            }
            // From here on the restored collection holds, also after a crash.
            try fileSystem.synchronizeDirectory(path)
            let replaced = try Self.finishRestoring(target, fileSystem)
            try fileSystem.synchronizeDirectory(path)
            let collection = try Collection.open(
                name: name, directory: target, context: context)
            context.unregister(name)
            context.register(collection)
            if let replaced { try? fileSystem.removeTree(replaced) }
        }
    }

    /// Also a collection that could not be opened has its name.
    private func isTaken(_ name: String) -> Bool {
        context.collections[name] != nil || context.unopenedCollections[name] != nil
    }

    /// Removes what a restore left that failed after its collection had its place to be. The next
    /// start would put it over whatever has the name by then. To be called before the name gets
    /// other content.
    func removeUnfinishedRestore(of name: String) throws {
        let fileSystem = context.fileSystem
        let directory = CollectionFiles.directoryName(of: name)
        let restored = "\(path)/\(directory)\(Name.restoredSuffix)"
        guard try fileSystem.kind(of: restored) == .directory else { return }
        // From one moment to another: half of it must not be taken for a collection.
        let hidden = "\(path)/\(Name.temporaryPrefix)unfinished-\(directory)"
        if try fileSystem.kind(of: hidden) == .directory { try fileSystem.removeTree(hidden) }
        try fileSystem.rename(restored, to: hidden)
        try fileSystem.synchronizeDirectory(path)
        // What stays behind is removed at the next start.
        try? fileSystem.removeTree(hidden)
    }

    /// Puts restored collections in their places, after a crash in the middle of it too.
    func finishRestoring() throws {
        let fileSystem = context.fileSystem
        for name in try fileSystem.list(path) where name.hasSuffix(Name.restoredSuffix) {
            let directory = String(name.dropLast(Name.restoredSuffix.count))
            guard CollectionFiles.collection(ofDirectory: directory) != nil else { continue }
            _ = try Self.finishRestoring("\(path)/\(directory)", fileSystem)
            try fileSystem.synchronizeDirectory(path)
        }
    }

    /// Returns where the collection lies that was there before, to be removed.
    private static func finishRestoring(
        _ directory: String, _ fileSystem: any FileSystem
    ) throws -> String? {
        var replaced: String?
        if try fileSystem.kind(of: directory) == .directory {
            let slash = directory.lastIndex(of: "/") ?? directory.startIndex
            let name = directory[slash...].dropFirst()
            let hidden = "\(directory[..<slash])/\(Name.temporaryPrefix)replaced-\(name)"
            if try fileSystem.kind(of: hidden) == .directory { try fileSystem.removeTree(hidden) }
            try fileSystem.rename(directory, to: hidden)
            replaced = hidden
        }
        try fileSystem.rename(directory + Name.restoredSuffix, to: directory)
        return replaced
    }
}
