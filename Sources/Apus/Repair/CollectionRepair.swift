internal import ApusCore
internal import ApusKernels
internal import ApusStorage
private import Foundation

/// Makes a collection whole again as far as its files allow.
///
/// Files are immutable, so a damaged one is not mended: its readable rows go into a new file, with
/// graphs and orders made again, and the old one moves to the quarantine. The steps, each durable
/// before the next: the log is cut, if that was asked for; new segment files are written; the old
/// ones get a second name in the quarantine, and the report is put there; the manifest that names
/// the new files is committed; the old names go. A crash before the commit leaves the collection as
/// it was, after it the repaired one.
struct CollectionRepair {
    private(set) var report: RepairReport.Collection

    private let files: CollectionFiles
    private let fileSystem: any FileSystem
    private let options: RepairOptions
    private let pool: WorkerPool
    private let quarantine: Quarantine

    init(
        name: String, directory: String, fileSystem: any FileSystem, options: RepairOptions,
        pool: WorkerPool
    ) {
        report = RepairReport.Collection(name: name)
        self.fileSystem = fileSystem
        self.options = options
        self.pool = pool
        files = CollectionFiles(directory: directory, fileSystem: fileSystem)
        quarantine = Quarantine(of: directory, fileSystem)
    }

    mutating func run() throws {
        do {
            try repairAll()
        } catch {
            let error = DatabaseError(causedBy: error)
            guard error.kind == .failedPrecondition else { throw error }
            report.remaining.append("\(error.message): use a program that knows this format")
        }
    }

    private mutating func repairAll() throws {
        report.faults = CollectionCheck(directory: files.directory, fileSystem: fileSystem).faults
        guard !report.faults.isEmpty else { return }
        guard let manifest = try readManifest() else { return }
        let attributes = try Collection.attributes(of: manifest, directory: files.directory)
        let log = try repairLog(manifest, attributes.configuration)
        var next = manifest
        let replaced = try repairSegments(
            &next, schema: CollectionSchema(attributes), changedSince: log)
        try removeCheckpoints()
        guard !options.isDryRun else { return }
        for path in replaced { try quarantine.keep(path) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try quarantine.write(
            [UInt8](try encoder.encode(report)), name: "repair-\(manifest.generation).json")
        guard next != manifest else { return }
        next = try files.store.commit(next)
        try files.store.removeStrayFiles(keeping: next)
    }

    // MARK: Manifest

    /// The manifest that holds; nil when it cannot be known, which the report then says.
    private mutating func readManifest() throws -> Manifest? {
        let failure: StorageError
        do throws(StorageError) {
            if let manifest = try files.store.read() { return manifest }
            report.remaining.append(
                "the collection was never completely made: drop it or remove its directory")
            return nil
        } catch {
            failure = error
        }
        switch failure.kind {
        case .corrupt, .notFound:
            return try manifestWithoutCurrent()
        case .newerFormat:
            report.remaining.append("\(failure): use a program that knows this format")
            return nil
        case .alreadyExists, .locked, .outOfSpace, .readOnly, .tooLarge, .closed, .io:
            throw failure
        }
    }

    /// CURRENT is damaged: of the manifests that are there, the newest whose files all are.
    ///
    /// A commit that did not reach its point has written everything that its manifest names, so
    /// that one may hold just as well as the one before.
    private mutating func manifestWithoutCurrent() throws -> Manifest? {
        let generations = try fileSystem.list(files.directory)
            .compactMap { FileName.generation(ofManifest: $0) }.sorted(by: >)
        for generation in generations {
            let path = "\(files.directory)/\(FileName.manifest(generation: generation))"
            guard
                let manifest = try? ManifestStore.readFile(fileSystem: fileSystem, path: path),
                manifest.generation == generation,
                try manifest.segments.allSatisfy({ entry in
                    try fileSystem.kind(of: files.segment(entry.number)) == .file
                })
            else { continue }
            report.actions.append("make CURRENT name \(path)")
            if !options.isDryRun {
                try quarantine.keep("\(files.directory)/\(FileName.current)")
                try files.store.makeCurrent(manifest)
            }
            return manifest
        }
        report.remaining.append(
            "no manifest can be read, so the collection's settings are not known: restore it from "
                + "a snapshot, or drop it; its segments and log are untouched")
        return nil
    }

    // MARK: Log

    /// What became of points in the batches of the log.
    final class LogEffects {
        /// The last batch that wrote or deleted the point.
        private(set) var lastChange: [PointID: SequenceNumber] = [:]

        func add(_ batch: WriteBatch, _ lsn: SequenceNumber) {
            for effect in batch.effects { lastChange[effect.id] = lsn }
        }
    }

    private mutating func repairLog(
        _ manifest: Manifest, _ configuration: CollectionConfiguration
    ) throws -> LogEffects {
        let effects = LogEffects()
        let since = try manifest.lostSegments().map { SequenceNumber($0.since) }.min()
        if let since, since < manifest.flushedThrough {
            // Batches that are in segments already, and which the lost one never saw.
            let old = unsafe try WALRepair(
                fileSystem: fileSystem, directory: files.logDirectory, after: since,
                logID: manifest.logID,
                replay: { lsn, bytes in
                    guard lsn <= manifest.flushedThrough else { return }
                    effects.add(unsafe try Collection.batch(lsn, bytes, configuration), lsn)
                }, behind: { _, _ in })
            if old.fault != nil, old.lastReadable < manifest.flushedThrough {
                report.remaining.append(
                    "the log cannot be read from batch \(old.lastReadable.next) on, so points of "
                        + "the segments out of service that were deleted later may be back")
            }
        }
        let behind = LogEffects()
        let damage = unsafe try WALRepair(
            fileSystem: fileSystem, directory: files.logDirectory, after: manifest.flushedThrough,
            logID: manifest.logID,
            replay: { lsn, bytes in
                effects.add(unsafe try Collection.batch(lsn, bytes, configuration), lsn)
            },
            behind: { lsn, bytes in
                guard let batch = unsafe try? Collection.batch(lsn, bytes, configuration) else {
                    return
                }
                behind.add(batch, lsn)
            })
        if let fault = damage.fault {
            try cut(damage, fault, behind: behind.lastChange, manifest)
        }
        return effects
    }

    private mutating func cut(
        _ log: WALRepair, _ fault: StorageError, behind: [PointID: SequenceNumber],
        _ manifest: Manifest
    ) throws {
        let first = log.lastReadable.next
        let range = log.lastBehind.map { "\(first) to \($0)" } ?? "from \(first) on, if any,"
        guard options.truncatesLog else {
            report.remaining.append(
                "\(fault); batches \(range) would be lost: --truncate-log cuts the log there")
            return
        }
        report.actions.append(
            "cut the log after batch \(log.lastReadable): batches \(range) are gone from it")
        report.lost.append(
            RepairReport.LostPoints(
                file: fault.path, count: behind.count,
                ids: behind.keys.sorted().map(\.description), isUpperBound: true))
        guard !options.isDryRun else { return }
        for path in log.filesToCut { try quarantine.keep(path) }
        try log.cut(logID: manifest.logID)
    }

    // MARK: Segments

    /// Replaces damaged segments in `manifest`, and returns the paths of files that it does not
    /// name any more.
    private mutating func repairSegments(
        _ manifest: inout Manifest, schema: CollectionSchema, changedSince log: LogEffects
    ) throws -> [String] {
        let since = Dictionary(
            uniqueKeysWithValues: try manifest.lostSegments().map { ($0.number, $0.since) })
        var damaged: [Manifest.Segment] = []
        var sound: [SealedSegment] = []
        for entry in manifest.segments {
            let check = try SegmentCheck(
                entry, files: files, manifest: manifest, configuration: schema.configuration,
                fileSystem: fileSystem)
            if check.faults.isEmpty, since[entry.number] == nil, let segment = check.segment {
                sound.append(segment)
            } else {
                damaged.append(entry)
            }
        }
        var replaced: [String] = []
        var saved: Set<PointID> = []
        // Newest first: of a point that is in two of them the newer row counts.
        for entry in damaged.reversed() {
            let new = try repair(
                entry, schema: schema, number: manifest.nextSegmentNumber,
                flushedThrough: manifest.flushedThrough, among: sound, saved: &saved
            ) { id in
                // Written again or deleted in a batch that the segment's deletion file does not
                // have. What the next start replays counts too: it will find nothing to mark.
                (log.lastChange[id]?.rawValue ?? 0)
                    > since[entry.number] ?? manifest.flushedThrough.rawValue
            }
            let place = manifest.segments.firstIndex { $0.number == entry.number } ?? 0
            manifest.segments.remove(at: place)
            if let new {
                manifest.segments.insert(new, at: place)
                manifest.nextSegmentNumber += 1
            }
            replaced.append(files.segment(entry.number))
            if let deletions = files.deletions(of: entry) { replaced.append(deletions) }
        }
        try manifest.setLostSegments([])
        return replaced
    }

    /// Writes what is left of a segment under a new number; nil when nothing is.
    private mutating func repair(
        _ entry: Manifest.Segment, schema: CollectionSchema, number: UInt64,
        flushedThrough: SequenceNumber, among sound: [SealedSegment], saved: inout Set<PointID>,
        isReplaced: (PointID) -> Bool
    ) throws -> Manifest.Segment? {
        let path = files.segment(entry.number)
        let deletions = files.deletions(of: entry).map { path in
            (try? DeletionFile.read(
                fileSystem: fileSystem, path: path, rowCount: entry.rowCount))?.deleted
        }
        let salvage: SegmentSalvage
        do {
            salvage = try SegmentSalvage(
                path: path, fileSystem: fileSystem, number: entry.number,
                configuration: schema.configuration)
        } catch {
            let deletedCount = (deletions ?? nil)?.cardinality ?? 0
            report.actions.append("leave out \(path): nothing of it can be read: \(error)")
            report.lost.append(
                RepairReport.LostPoints(
                    file: path, count: entry.rowCount - deletedCount, ids: [], isUpperBound: true))
            return nil
        }
        // Of files that are closed all marks are older.
        let lastLSN = SequenceNumber(UInt64.max - 1)
        var wanted = Bitmap(count: salvage.rowCount)
        var lostIDs: [PointID] = []
        var unknownCount = 0
        var newest: [PointID: Int] = [:]
        for row in 0..<salvage.rowCount {
            if case .some(.some(let deleted)) = deletions, row < deleted.count, deleted[row] {
                continue
            }
            guard salvage.knownRows[row] else {
                unknownCount += 1
                continue
            }
            let id = salvage.id(at: row)
            if isReplaced(id) || saved.contains(id) { continue }
            if sound.contains(where: { $0.row(of: id, at: lastLSN) != nil }) { continue }
            guard salvage.readableRows[row] else {
                lostIDs.append(id)
                continue
            }
            // Without its deletion file a segment shows earlier rows of a point too.
            if let other = newest[id] {
                guard salvage.version(at: row) >= salvage.version(at: other) else { continue }
                wanted[other] = false
            }
            newest[id] = row
            wanted[row] = true
        }
        saved.formUnion(newest.keys)
        if case .some(.none) = deletions {
            report.possiblyDeleted += newest.keys.sorted().map(\.description)
        }
        if !lostIDs.isEmpty || unknownCount > 0 {
            report.lost.append(
                RepairReport.LostPoints(
                    file: path, count: lostIDs.count + unknownCount,
                    ids: lostIDs.sorted().map(\.description), isUpperBound: unknownCount > 0))
        }
        let rowCount = wanted.cardinality
        guard rowCount > 0 else {
            report.actions.append("leave out \(path): no point of it is left")
            return nil
        }
        let newPath = files.segment(number)
        report.actions.append("write the \(rowCount) points that are left of \(path) to \(newPath)")
        if !options.isDryRun {
            let segment = try salvage.rebuilt(
                number: number, wanted: wanted, configuration: schema.configuration,
                through: flushedThrough)
            while segment.index(rowsMax: 8192, finish: true, pool: pool) {}
            try SegmentFile.write(
                segment, fileSystem: fileSystem, path: newPath, schema: schema, pool: pool)
        }
        return Manifest.Segment(number: number, rowCount: rowCount)
    }

    // MARK: Checkpoints

    /// Graphs of rows in the log are made again by the next start.
    private mutating func removeCheckpoints() throws {
        for name in try fileSystem.list(files.directory)
        where FileName.firstSequenceNumber(ofCheckpoint: name) != nil {
            let path = "\(files.directory)/\(name)"
            guard !StorageCheck.segment(fileSystem: fileSystem, path: path).isEmpty else {
                continue
            }
            report.actions.append("leave out \(path), which only saves time")
            guard !options.isDryRun else { continue }
            try quarantine.keep(path)
            try fileSystem.remove(path)
            try fileSystem.synchronizeDirectory(files.directory)
        }
    }
}

extension WriteBatch.Effect {
    fileprivate var id: PointID {
        switch self {
        case .put(let point): point.id
        case .delete(let id): id
        }
    }
}
