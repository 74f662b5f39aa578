internal import ApusCore
internal import ApusStorage
private import Synchronization

// Segments that were built elsewhere become a collection's own in one commit of its manifest
// (docs/adr/0038). They are one batch, L:
//
// - Their files are copied first, while writes and searches go on.
// - Then writes are held back and what is in memory is sealed, so that the collection's files say by
//   themselves what it is; only then is L known, and the files get it as the batch of their rows.
// - The manifest's commit makes them part of the collection, with deletion files for the rows that
//   they take the place of, and L as "flushed through". The log has L after that: an empty batch
//   with a position `attached/<build>`, so that whoever reads the log sees that batch L is not in
//   it. A log that lacks it ends before "flushed through", which opening knows.
// - Readers get the segments, the marks and L in the same moment.

extension Collection {
    /// Adds segments that `SegmentBuilder` made in the directories, all or none. Blocks.
    ///
    /// Of a point that is in several builds, the one in the last of them stays. A build that the
    /// collection has already is left out, so repeating a call changes nothing. Writes wait while
    /// the files are put in place, which does not depend on their size but for the ids.
    /// - Throws: `DatabaseError`; nothing has changed then: `.invalidArgument` when the settings
    ///   differ, naming the difference, `.conflict` when the card has another model for a field than
    ///   theirs, `.corruption` naming the damaged file, `.notFound`,
    ///   `.alreadyExists` as `existing` says.
    @available(*, noasync, message: "use the async form")
    @discardableResult
    public func attach(
        _ directories: [String], existing: ExistingPoints = .replace
    ) throws -> AttachReport {
        try attachSegments(directories, existing)
    }

    /// The same on a thread for such work, one after the other with snapshots.
    @discardableResult
    public func attach(
        _ directories: [String], existing: ExistingPoints = .replace
    ) async throws -> AttachReport {
        try await context.performSnapshotWork { [self] in
            try attachSegments(directories, existing)
        }
    }

    private struct Build {
        var directory: String
        var record: SegmentBuildRecord
    }

    private func attachSegments(
        _ directories: [String], _ existing: ExistingPoints
    ) throws -> AttachReport {
        try DatabaseError.translating {
            try context.snapshotWork.withLock { _ in
                let report = try attaching.withLock { _ in
                    try attachNew(directories, existing)
                }
                // What the log does not have, a restore takes from here.
                if !report.attached.isEmpty { makeBase() }
                return report
            }
        }
    }

    /// Nothing is written into the directory by an attach any more; the caller has closed the
    /// collection, which ends one that is under way.
    func waitUntilAttached() { attaching.withLock { _ in } }

    private func attachNew(
        _ directories: [String], _ existing: ExistingPoints
    ) throws -> AttachReport {
        var report = AttachReport()
        let builds = try newBuilds(directories, &report)
        if builds.isEmpty {
            report.sequenceNumber = published.withLock { $0.lsn }
        } else {
            try attach(builds, existing, &report)
        }
        return report
    }

    /// Those that are not there yet, whole and fitting.
    private func newBuilds(
        _ directories: [String], _ report: inout AttachReport
    ) throws -> [Build] {
        var builds: [Build] = []
        let known = sourcePositions()
        for directory in directories {
            let record = try SegmentBuildRecord.read(in: directory, context.fileSystem)
            let isKnown =
                known.hasAttached(record.id) || builds.contains { $0.record.id == record.id }
            if isKnown {
                report.skipped.append(record.id)
            } else {
                builds.append(Build(directory: directory, record: record))
            }
        }
        for build in builds { try checkSettings(of: build) }
        for build in builds {
            try build.record.verifyFiles(in: build.directory, context.fileSystem)
        }
        _ = try models(of: builds)
        return builds
    }

    private func checkSettings(of build: Build) throws {
        let settings = SegmentSettings(build.record.settings)
        if let difference = settings.difference(from: configuration) {
            throw DatabaseError.wrongInput(
                "\(build.directory) does not fit collection `\(name)`: \(difference)")
        }
        try checkModels((build.record.settings.card?.models ?? [:]).mapValues(\.name))
    }

    /// What made the vectors of each field. Throws `.conflict` when two builds disagree.
    private func models(of builds: [Build]) throws -> [String: CollectionCard.Model] {
        var models: [String: CollectionCard.Model] = [:]
        for build in builds {
            for (field, model) in build.record.settings.card?.models ?? [:] {
                guard let known = models[field] else {
                    models[field] = model
                    continue
                }
                guard model.name.agrees(with: known.name) else {
                    throw DatabaseError(
                        .conflict,
                        "Model mismatch: \(build.directory) has vectors of `\(model.name)` in the "
                            + "field `\(field)`, and a folder before it of `\(known.name)`")
                }
            }
        }
        return models
    }

    private func attach(
        _ builds: [Build], _ existing: ExistingPoints, _ report: inout AttachReport
    ) throws {
        let sources = builds.flatMap { build in
            build.record.segments.map { (file: $0, path: "\(build.directory)/\($0.name)") }
        }
        let first = writer.withLock { state in
            defer { state.nextSegmentNumber += UInt64(sources.count) }
            return state.nextSegmentNumber
        }
        let numbers = sources.indices.map { first + UInt64($0) }
        do {
            var drafts: [AttachedSegmentDraft] = []
            for ((file, path), number) in zip(sources, numbers) {
                try writer.withLock { try checkTakesSegments($0) }
                drafts.append(
                    try AttachedSegmentDraft(
                        of: file, at: path, number: number, to: files.segment(number),
                        fileSystem: context.fileSystem))
            }
            // What is in memory by now is sealed before writes have to wait for the rest.
            try sealRows()
            waitingWrites.hold()
            defer {
                waitingWrites.endHold()
                waitingWrites.release(room: room)
                scheduleMaintenance()
            }
            // Writes that went before may come between; those are few, and then none.
            while try !commit(drafts, of: builds, existing, &report) { try sealRows() }
        } catch {
            for number in numbers { removeUnlessCommitted(number) }
            throw error
        }
        versionWaiters.release(through: report.sequenceNumber)
        accountMemory()
        try? releaseLog(through: manifest.withLock { try $0.removableThrough() })
    }

    // MARK: The commit

    /// False when there are rows in memory, which have to be sealed before.
    private func commit(
        _ drafts: [AttachedSegmentDraft], of builds: [Build], _ existing: ExistingPoints,
        _ report: inout AttachReport
    ) throws -> Bool {
        try manifest.withLock { manifest in
            try checkHasFiles()
            // The settings may have changed since.
            for build in builds { try checkSettings(of: build) }
            return try writer.withLock { state -> Bool in
                try checkTakesSegments(state)
                guard state.growing.rowCount == 0, state.frozen.isEmpty else { return false }
                // Deletions that became no rows must not be in files before they are in the log.
                try log.waitUntilDurable(state.lsn)
                guard log.lastSequenceNumber == state.lsn else {
                    throw DatabaseError(.internalError, "the log is ahead of `\(name)`")
                }
                let lsn = state.lsn.next
                let segments = try drafts.map { draft in
                    try draft.finish(at: lsn)
                    let segment = try SealedSegment(
                        path: files.segment(draft.number), fileSystem: context.fileSystem,
                        number: draft.number, replacing: nil, configuration: configuration,
                        memoryIsBounded: context.boundsMemory(of: configuration))
                    try segment.prepareRows()
                    return segment
                }
                let rows = AttachedRows(attaching: segments, to: state.segments, at: state.lsn)
                try check(rows, adding: segments, existing, state)
                let batch = WriteBatch(
                    effects: [], time: max(context.now(), state.time),
                    positions: SourcePositions(attached: builds.map(\.record.id), at: lsn))
                let attributes = try attributes(adopting: models(of: builds), state)
                try commit(segments, rows, batch, attributes, at: lsn, &manifest, state)
                publish(segments, rows, batch, at: lsn, &state)
                report.attached = builds.map(\.record.id)
                report.segments = segments.count
                report.points =
                    segments.reduce(0) { $0 + $1.rowCount } - rows.duplicateCount
                report.replaced = rows.replacedCount
                report.duplicates = rows.duplicateCount
                report.sequenceNumber = lsn
                return true
            }
        }
    }

    private func checkTakesSegments(_ state: WriterState) throws {
        guard !state.isClosed else {
            throw DatabaseError(.unavailable, "collection `\(name)` is closed")
        }
        if let failure = published.withLock({ $0.failure })
            ?? log.failure.map({ DatabaseError($0) })
        {
            throw failure
        }
        // Which points give way would not be known.
        if let missingPoints { throw missingPoints }
    }

    private func check(
        _ rows: AttachedRows, adding segments: [SealedSegment], _ existing: ExistingPoints,
        _ state: WriterState
    ) throws {
        if existing == .fail, let id = rows.firstReplaced {
            throw DatabaseError(
                .alreadyExists,
                "Wrong input: \(rows.replacedCount) of the points are in collection `\(name)` "
                    + "already, point \(id) among them")
        }
        let schema = published.withLock { $0.schema }
        guard let most = try StrictModeCheck(schema)?.limits.pointsMax else { return }
        let added =
            segments.reduce(0) { $0 + $1.rowCount } - rows.duplicateCount - rows.replacedCount
        let view = ReadView(lsn: state.lsn, segments: state.segments, schema: schema)
        guard added > 0, view.pointCount + added > most else { return }
        throw DatabaseError.badRequest("Max points count limit of \(most) reached!")
    }

    /// Until here nothing has changed; after it everything has, also after a crash.
    private func commit(
        _ segments: [SealedSegment], _ rows: AttachedRows, _ batch: WriteBatch,
        _ attributes: CollectionAttributes?, at lsn: SequenceNumber, _ manifest: inout Manifest,
        _ state: WriterState
    ) throws {
        var next = manifest
        if let attributes {
            next.attributes[Self.attributesKey] = try Self.encoded(attributes)
        }
        next.flushedThrough = lsn
        var positions = state.positions
        positions.merge(batch.positions)
        next.setSourcePositions(positions)
        for (segment, replaced) in zip(state.segments, rows.replaced) {
            guard let index = next.segments.firstIndex(where: { $0.number == segment.number })
            else { continue }
            var deleted = segment.deletions.deletedRows(among: segment.rowCount, through: lsn)
            if let replaced { deleted.formUnion(replaced) }
            try writeDeletions(deleted, of: segment, at: lsn, &next.segments[index])
        }
        for (segment, duplicates) in zip(segments, rows.duplicates) {
            var entry = Manifest.Segment(number: segment.number, rowCount: segment.rowCount)
            if let duplicates { try writeDeletions(duplicates, of: segment, at: lsn, &entry) }
            next.segments.append(entry)
            next.nextSegmentNumber = max(next.nextSegmentNumber, segment.number + 1)
        }
        lastTime.store(batch.time, ordering: .releasing)
        do {
            try commit(next, replacing: &manifest)
        } catch {
            // It may hold at the next start, and a batch that got its number would be lost then.
            if (try? files.store.read()?.generation) != manifest.generation {
                stopWriting(DatabaseError(causedBy: error))
            }
            throw error
        }
        if let attributes {
            published.withLock { $0.schema = CollectionSchema(attributes) }
        }
    }

    private func writeDeletions(
        _ deleted: Bitmap, of segment: any Segment, at lsn: SequenceNumber,
        _ entry: inout Manifest.Segment
    ) throws {
        let known = entry.deletionFileLSN.map {
            segment.deletions.deletedCount(among: segment.rowCount, through: $0)
        }
        guard deleted.cardinality > known ?? 0 else { return }
        try DeletionFile(sequenceNumber: lsn, deleted: deleted).write(
            fileSystem: context.fileSystem, directory: files.directory, segment: entry.number)
        entry.deletionFileLSN = lsn
    }

    private func publish(
        _ segments: [SealedSegment], _ rows: AttachedRows, _ batch: WriteBatch,
        at lsn: SequenceNumber, _ state: inout WriterState
    ) {
        for (segment, replaced) in zip(state.segments, rows.replaced) {
            replaced?.forEach { segment.deletions.delete($0, at: lsn) }
        }
        for (segment, duplicates) in zip(segments, rows.duplicates) {
            duplicates?.forEach { segment.deletions.delete($0, at: lsn) }
            segment.want(configuration)
        }
        state.segments.insert(contentsOf: segments, at: max(0, state.segments.count - 1))
        batch.apply(lsn: lsn, &state)
        lastAttach.store(lsn.rawValue, ordering: .releasing)
        logArchive.withLock { $0.base.isThere = false }
        do {
            // A few bytes, and the batch is committed: the space kept for deletions will do.
            let logged = try log.append(batch.encoded(), mayUseReserve: true)
            if logged != lsn {
                stopWriting(
                    DatabaseError(.internalError, "batch \(lsn) of `\(name)` became \(logged)"))
            }
            log.rotate()
        } catch {
            // The next start goes on behind it.
            stopWriting(DatabaseError(error))
        }
        let all = state.segments
        published.withLock { published in
            published.segments = all
            published.lsn = max(published.lsn, lsn)
        }
    }
}

extension SourcePositions {
    private static let attachedPrefix = "attached/"

    /// Builds that were attached in batch `lsn`; the value is its number in decimal digits.
    fileprivate init(attached builds: [String], at lsn: SequenceNumber) {
        let value = Array(String(lsn.rawValue).utf8)
        self.init(
            Dictionary(
                builds.map { (Self.attachedPrefix + $0, value) }, uniquingKeysWith: { $1 }))
    }

    fileprivate func hasAttached(_ build: String) -> Bool {
        values[Self.attachedPrefix + build] != nil
    }

    /// The last batch that attached segments, whose points are in no log; zero: none.
    var lastAttach: SequenceNumber {
        let numbers = values.lazy.filter { $0.key.hasPrefix(Self.attachedPrefix) }.compactMap {
            UInt64(String(decoding: $0.value, as: UTF8.self))
        }
        return SequenceNumber(numbers.max() ?? 0)
    }
}
