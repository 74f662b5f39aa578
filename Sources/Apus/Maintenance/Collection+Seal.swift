internal import ApusCore
private import ApusIndex
internal import ApusStorage
private import Synchronization

extension Collection {
    /// Writes a frozen segment, with the graph that it has, as a file; then readers use the file,
    /// and log files that only repeat it go.
    ///
    /// The manifest's swap is the commit: before it a crash leaves stray files that the next start
    /// removes, after it the log up to the segment's last batch is not needed any more.
    func writeSegment(_ frozen: FrozenSegment) throws {
        try waitUntilDurable(frozen.lastLSN)
        let start = ContinuousClock.now
        let segment = frozen.segment
        do {
            try commit(frozen)
        } catch {
            // The next try needs its space.
            removeUnlessCommitted(segment.number)
            throw error
        }
        context.configuration.meters.seal.record(ContinuousClock.now - start)
        removeCheckpoint(of: segment)
        // The segment is safe. Log files that cannot go now go after the next one.
        try? releaseLog(through: manifest.withLock { try $0.removableThrough() })
    }

    private func commit(_ frozen: FrozenSegment) throws {
        let segment = frozen.segment
        let path = files.segment(segment.number)
        let source = try rowsToWrite(of: segment)
        try SegmentFile.write(
            source, fileSystem: context.fileSystem, path: path,
            schema: published.withLock { $0.schema }, pool: context.indexPool)
        let sealed = try SealedSegment(
            path: path, fileSystem: context.fileSystem, number: segment.number,
            replacing: source, configuration: configuration,
            memoryIsBounded: context.boundsMemory(of: configuration))
        try manifest.withLock { manifest in
            let markCount = source.copyDeletions()
            var next = manifest
            next.flushedThrough = frozen.lastLSN
            next.setSourcePositions(frozen.positions)
            next.nextSegmentNumber = max(next.nextSegmentNumber, segment.number + 1)
            next.segments.append(
                Manifest.Segment(number: segment.number, rowCount: segment.rowCount))
            // The rows of the file come before those of the frozen segment, which has its number.
            try writeDeletions(
                of: [sealed] + published.withLock { $0.segments }, through: frozen.lastLSN, &next)
            maintenance.withLock {
                $0.sealed = (segment.number, isReordered: source is ReorderedSegment)
            }
            try commit(next, replacing: &manifest)
            replace(frozen, with: sealed, rowsFrom: source, markCount: markCount)
        }
    }

    /// The rows of a frozen segment as its file shall have them.
    ///
    /// A file that is written again has them in the order of the one before, whatever memory there is
    /// by now: a manifest that may be on disk names that file, and a file that says by their numbers
    /// which of its rows were deleted.
    private func rowsToWrite(of segment: GrowingSegment) throws -> any SegmentSource {
        let last = maintenance.withLock { $0.sealed }
        let isReordered =
            last.segment == segment.number ? last.isReordered : hasMemory(toReorder: segment)
        guard isReordered else { return segment }
        return try inWalkOrder(
            segment, pool: context.indexPool,
            isCancelled: { [self] in isDetached.load(ordering: .relaxed) }, pause: checkHasFiles)
    }

    /// The rows of a segment in the order of walks, if they have one. `pause` and `isCancelled` are as
    /// in `MergedSegment.init`.
    func inWalkOrder(
        _ source: any SegmentSource, pool: WorkerPool,
        isCancelled: @escaping @Sendable () -> Bool, pause: () throws -> Void
    ) throws -> any SegmentSource {
        try ReorderedSegment(
            source, configuration: configuration, pool: pool, isCancelled: isCancelled,
            pause: pause) ?? source
    }

    /// Whether memory has room for a copy of a segment's rows, if it is bounded.
    func hasMemory(toReorder source: any SegmentSource) -> Bool {
        hasMemory(
            for: source.denseFields.values.reduce(0) {
                $0 + $1.usage(rowCount: source.rowCount).total.memory
            })
    }

    /// After a commit that failed: removes the new file, unless the manifest that names it may have
    /// reached the disk. Then it stays, as do the old ones, until a manifest holds for certain.
    func removeUnlessCommitted(_ number: UInt64) {
        manifest.withLock { manifest in
            guard let onDisk = try? files.store.read(),
                onDisk.generation == manifest.generation
            else { return }
            try? context.fileSystem.remove(files.segment(number))
        }
    }

    /// Commits a manifest and removes the segment and deletion files that it names no more; those
    /// who read them have them mapped.
    ///
    /// Throws `.unavailable` once the collection is dropped or closed: its directory may be another
    /// collection's by then.
    func commit(_ next: Manifest, replacing manifest: inout Manifest) throws {
        try checkHasFiles()
        var next = next
        next.time = max(next.time, lastTime.load(ordering: .acquiring))
        next.batchTimes = compaction.withLock { $0.times }
        let committed = try files.store.commit(next)
        let kept = Set(next.segments.flatMap { files.paths(of: $0) })
        for old in manifest.segments.flatMap({ files.paths(of: $0) }) where !kept.contains(old) {
            // A file that stays behind is a stray one, which the next start removes.
            try? context.fileSystem.remove(old)
        }
        manifest = committed
    }

    /// Throws once the files are not this collection's any more.
    func checkHasFiles() throws {
        if isDetached.load(ordering: .acquiring) {
            throw DatabaseError(.unavailable, "collection `\(name)` is closed")
        }
    }

    /// From here on nothing is written into the collection's directory.
    func detach() {
        // Whoever is committing holds the lock and still has the files.
        manifest.withLock { _ in isDetached.store(true, ordering: .releasing) }
    }

    /// Writes for each segment in the manifest which rows were deleted through `lsn`, if more are
    /// than its present file says.
    func writeDeletions(
        of segments: [any Segment], through lsn: SequenceNumber, _ manifest: inout Manifest
    ) throws {
        for index in manifest.segments.indices {
            let entry = manifest.segments[index]
            guard let segment = segments.first(where: { $0.number == entry.number }) else {
                continue
            }
            let deleted = segment.deletions.deletedRows(among: entry.rowCount, through: lsn)
            let known = entry.deletionFileLSN.map {
                segment.deletions.deletedRows(among: entry.rowCount, through: $0).cardinality
            }
            guard deleted.cardinality > known ?? 0 else { continue }
            try DeletionFile(sequenceNumber: lsn, deleted: deleted).write(
                fileSystem: context.fileSystem, directory: files.directory, segment: entry.number)
            manifest.segments[index].deletionFileLSN = lsn
        }
    }

    /// A file shows all of its rows to every reader, so its last batch, which is durable, is
    /// published with it: the log's thread may not have come to that yet.
    /// Marks that were made since there were `markCount` of them are copied before.
    private func replace(
        _ frozen: FrozenSegment, with sealed: SealedSegment, rowsFrom source: any SegmentSource,
        markCount: Int
    ) {
        writer.withLock { state in
            if source.markCount != markCount { source.copyDeletions() }
            state.frozen.removeAll { $0.segment === frozen.segment }
            state.segments = state.segments.map { $0 === frozen.segment ? sealed : $0 }
            let segments = state.segments
            published.withLock { published in
                published.segments = segments
                published.lsn = max(published.lsn, frozen.lastLSN)
            }
        }
        versionWaiters.release(through: frozen.lastLSN)
        // The settings may have changed since the file was opened.
        sealed.want(configuration)
        accountMemory()
    }

    private func waitUntilDurable(_ lsn: SequenceNumber) throws {
        try log.waitUntilDurable(lsn)
    }
}
