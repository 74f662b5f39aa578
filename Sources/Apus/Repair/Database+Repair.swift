private import ApusCore
private import ApusKernels
package import ApusStorage
private import Foundation

extension Database {
    /// Verifies every byte of a database and of the snapshots in its directory, and what the bytes
    /// mean: orders, versions, graphs, payloads, the log. Changes nothing; no process may have the
    /// database open.
    /// - Parameters:
    ///   - snapshots: other directories of snapshots, to be verified too.
    ///   - archives: directories of archived logs and what restores from them begin with, to be
    ///     verified too.
    /// - Throws: `DatabaseError`: `.notFound` when there is no database or no such directory,
    ///   `.unavailable` when a process has it open, `.failedPrecondition` for a newer format.
    public static func check(
        at path: String, snapshots: [String] = [], archives: [String] = []
    ) throws -> CheckReport {
        try check(
            at: path, snapshots: snapshots, archives: archives, fileSystem: PosixFileSystem())
    }

    package static func check(
        at path: String, snapshots: [String] = [], archives: [String] = [],
        fileSystem: any FileSystem
    ) throws -> CheckReport {
        var report = CheckReport()
        try withClosedDatabase(path, fileSystem) { markerFault in
            for directory in snapshots + archives
            where try fileSystem.kind(of: directory) != .directory {
                throw DatabaseError(.notFound, "\(directory): no such directory")
            }
            if let markerFault { report.faults.append(markerFault.description) }
            var names: Set<String> = []
            for (name, directory) in try collections(of: path, fileSystem) {
                names.insert(name)
                let check = CollectionCheck(directory: directory, fileSystem: fileSystem)
                report.collections += 1
                report.faults += check.faults
                report.leftovers += check.leftovers
                report.segments += check.segmentCount
                report.logFiles += check.logFileCount
            }
            let aliases = AliasFile(directory: path, fileSystem: fileSystem)
            do {
                for (alias, collection) in try aliases.read().sorted(by: { $0.key < $1.key })
                where !names.contains(collection) {
                    report.faults.append(
                        "\(aliases.path): alias `\(alias)` stands for no collection")
                }
            } catch {
                report.faults.append(DatabaseError(causedBy: error).plain.message)
            }
            let own = "\(path)/\(SnapshotStore.directoryName)"
            let hasOwn = try fileSystem.kind(of: own) == .directory
            try checkStores(
                ((hasOwn ? [own] : []) + snapshots).map(\.normalizedPath),
                archives: archives.map(\.normalizedPath), fileSystem, &report)
        }
        return report
    }

    /// An archive is a store of snapshots too: of those that restores begin with.
    private static func checkStores(
        _ snapshots: [String], archives: [String], _ fileSystem: any FileSystem,
        _ report: inout CheckReport
    ) throws {
        var parts: [SnapshotRecord.Part] = []
        var seen: Set<String> = []
        for directory in snapshots + archives where seen.insert(directory).inserted {
            let check = try SnapshotStoreCheck(directory: directory, fileSystem: fileSystem)
            report.snapshots += check.snapshotCount
            report.faults += check.faults
            report.leftovers += check.leftovers
            parts += check.parts
        }
        seen = []
        for directory in archives where seen.insert(directory).inserted {
            let check = try LogArchiveCheck(
                directory: directory, parts: parts, fileSystem: fileSystem)
            report.archivedLogFiles += check.fileCount
            report.faults += check.faults
            report.leftovers += check.leftovers
        }
    }

    /// Makes a damaged database whole again as far as its files allow. No process may have it
    /// open.
    ///
    /// What is derived (graphs, orders) is made again from vectors and payloads; rows that can be
    /// read are saved from segments that are damaged elsewhere; nothing is deleted: what is
    /// replaced lies in `<collection>/quarantine` afterwards, with the report. A crash on the way
    /// leaves the database as it was or repaired. Takes the memory of the largest damaged segment.
    /// - Throws: as `check(at:)`, and `.outOfSpace`.
    public static func repair(
        at path: String, options: RepairOptions = RepairOptions()
    ) throws -> RepairReport {
        try repair(at: path, options: options, fileSystem: PosixFileSystem())
    }

    package static func repair(
        at path: String, options: RepairOptions, fileSystem: any FileSystem
    ) throws -> RepairReport {
        var report = RepairReport(database: path, isDryRun: options.isDryRun)
        let pool = WorkerPool(
            name: "apus-repair", threadCount: EngineConfiguration().indexThreads)
        defer { pool.shutdown() }
        try withClosedDatabase(path, fileSystem) { markerFault in
            if let markerFault {
                report.faults.append(markerFault.description)
                report.actions.append("write \(path)/\(FileName.marker) again")
                if !options.isDryRun {
                    try DatabaseMarker().write(fileSystem: fileSystem, directory: path)
                }
            }
            for (name, directory) in try collections(of: path, fileSystem) {
                var repair = CollectionRepair(
                    name: name, directory: directory, fileSystem: fileSystem, options: options,
                    pool: pool)
                try repair.run()
                report.collections.append(repair.report)
            }
            try repairAliases(path, fileSystem, &report)
        }
        return report
    }

    private static func repairAliases(
        _ path: String, _ fileSystem: any FileSystem, _ report: inout RepairReport
    ) throws {
        let aliases = AliasFile(directory: path, fileSystem: fileSystem)
        let names = Set(report.collections.map(\.name))
        do {
            let known = try aliases.read()
            let kept = known.filter { names.contains($0.value) }
            guard kept.count < known.count else { return }
            for (alias, collection) in known.sorted(by: { $0.key < $1.key })
            where !names.contains(collection) {
                report.faults.append(
                    "\(aliases.path): alias `\(alias)` stands for `\(collection)`, which is not "
                        + "there")
                report.actions.append("remove alias `\(alias)`")
            }
            if !report.isDryRun { try aliases.write(kept) }
        } catch let error as DatabaseError where error.kind == .corruption {
            report.faults.append(error.message)
            report.actions.append(
                "move \(aliases.path) to \(path)/\(Quarantine.databaseDirectoryName): aliases have to be made again"
            )
            guard !report.isDryRun else { return }
            try Quarantine(ofDatabase: path, fileSystem).keep(aliases.path)
            try aliases.write([:])
        }
    }

    /// Holds the lock while `body` runs, which gets what is wrong with the file that makes the
    /// directory a database.
    private static func withClosedDatabase(
        _ path: String, _ fileSystem: any FileSystem, _ body: (StorageError?) throws -> Void
    ) throws {
        try DatabaseError.plainly {
            guard try fileSystem.kind(of: path) == .directory else {
                throw DatabaseError(.notFound, "\(path): no such directory")
            }
            let fault = try markerFault(path, fileSystem)
            if fault?.kind == .notFound, try collections(of: path, fileSystem).isEmpty {
                throw DatabaseError(
                    .notFound, "\(path): no database (it has no file \(FileName.marker))")
            }
            let lock = try lock(path, fileSystem)
            defer { lock?.release() }
            try body(fault)
        }
    }

    private static func markerFault(
        _ path: String, _ fileSystem: any FileSystem
    ) throws -> StorageError? {
        do {
            if try DatabaseMarker.read(fileSystem: fileSystem, directory: path) != nil {
                return nil
            }
            return StorageError(
                .notFound, path: "\(path)/\(FileName.marker)", "the file is missing")
        } catch {
            guard error.kind == .corrupt else { throw error }
            return error
        }
    }

    /// nil where nobody can write, and therefore nobody does.
    private static func lock(
        _ path: String, _ fileSystem: any FileSystem
    ) throws -> DirectoryLock? {
        do {
            return try DirectoryLock(fileSystem: fileSystem, directory: path)
        } catch {
            guard error.kind == .readOnly else { throw error }
            return nil
        }
    }

    /// Names and directories of collections, those that are whole and those that are not.
    private static func collections(
        of path: String, _ fileSystem: any FileSystem
    ) throws -> [(name: String, directory: String)] {
        try fileSystem.list(path).compactMap { name in
            guard !name.hasPrefix(Name.temporaryPrefix),
                let collection = CollectionFiles.collection(ofDirectory: name),
                try fileSystem.kind(of: "\(path)/\(name)") == .directory,
                try looksLikeCollection("\(path)/\(name)", fileSystem)
            else { return nil }
            return (collection, "\(path)/\(name)")
        }
    }

    private static func looksLikeCollection(
        _ directory: String, _ fileSystem: any FileSystem
    ) throws -> Bool {
        try fileSystem.list(directory).contains { name in
            name == FileName.current || name == FileName.walDirectory
                || FileName.generation(ofManifest: name) != nil
                || FileName.number(ofSegment: name) != nil
        }
    }
}
