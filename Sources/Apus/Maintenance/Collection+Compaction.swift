internal import ApusCore
internal import ApusStorage
internal import Dispatch
private import Synchronization

// When segments are merged, and by whom. What a merge does is in `Collection+Merge.swift`, which
// segments it takes in `MergePolicy.swift`.

extension Collection {
    /// Merges the segments until no deleted row is left in a file and there are as few files as
    /// the limits allow, as of this call. Writes and reads go on. Blocks until it is done.
    public func compact() throws {
        try seal()
        let outcome = BlockingResult<Void>()
        context.compaction.submit { [self] in
            outcome.set(
                Result {
                    try runCompaction {
                        try flushDeletions()
                        let policy = mergePolicy
                        for group in policy.pickAll(segmentStatistics(flushedOnly: true)) {
                            try merge(group)
                        }
                    }
                    compaction.withLock { $0.noteSuccess() }
                })
        }
        do {
            try outcome.wait()
        } catch is CompactionStopped {
            throw DatabaseError(.unavailable, "collection `\(name)` is closed")
        } catch {
            throw DatabaseError(causedBy: error)
        }
    }

    /// Blocks until the policy finds nothing to merge, or a merge has failed.
    package func waitUntilCompacted() {
        while true {
            scheduleMaintenance()
            waitUntilIdle()
            considerCompaction(byAge: true)
            let waiter = compaction.withLock { state -> DispatchSemaphore? in
                guard state.isQueued, !state.isStopped else { return nil }
                let waiter = DispatchSemaphore(value: 0)
                state.waiters.append(waiter)
                return waiter
            }
            guard let waiter else { return }
            waiter.wait()
            let hasFailed =
                compaction.withLock { $0.failure != nil }
                || maintenance.withLock { $0.sealFailure != nil }
            if hasFailed { return }
        }
    }

    /// Queues a merge if there is one to do. Cheap: called after every seal and whenever background
    /// work has come to its end, and by a timer for what time alone brings about.
    ///
    /// With `byAge` also for deletions that are too old, which takes O(rows).
    func considerCompaction(byAge: Bool = false) {
        guard context.configuration.mergesInBackground, isMergeWanted(byAge: byAge) else { return }
        let time = context.now()
        if compaction.withLock({ time >= $0.retryTime }) { queueCompactionJob() }
    }

    /// What time alone brings about: deletions get old, and what failed is tried again. Returns at
    /// once.
    package func lookAtTime() {
        if maintenance.withLock({ $0.sealFailure != nil }) { scheduleMaintenance() }
        queueCompactionJob()
    }

    private func queueCompactionJob() {
        let starts = compaction.withLock { state in
            guard !state.isQueued, !state.isStopped else { return false }
            state.isQueued = true
            return true
        }
        if starts { context.compaction.submit { [self] in runCompactionJob() } }
    }

    /// Whether there is something to merge once all deletions are in files.
    private func isMergeWanted(byAge: Bool) -> Bool {
        mergePolicy.pick(segmentStatistics(flushedOnly: false, byAge: byAge)) != nil
            || byAge && hasExpiredRowsInMemory
    }

    /// One turn on the compaction thread.
    private func runCompactionJob() {
        var isProgress = false
        do {
            try runCompaction {
                // Without the note, deletions are taken to be younger than they are.
                try? noteTime()
                // A log file that was the newest when it could have gone.
                if log.filePaths.count > 1 { try? releaseLog() }
                let time = context.now()
                guard context.configuration.mergesInBackground,
                    compaction.withLock({ time >= $0.retryTime })
                else { return }
                let statistics = segmentStatistics(flushedOnly: true, byAge: true)
                if let group = mergePolicy.pick(statistics) {
                    try merge(group)
                    isProgress = true
                } else if isMergeWanted(byAge: true) {
                    // The deletions that make a merge worth it are only in the log yet.
                    isProgress = try flushForCompaction()
                }
                compaction.withLock { $0.noteSuccess() }
            }
        } catch {
            isProgress = false
            // What a stopped merge runs into is no failure.
            guard !compactionIsStopped.load(ordering: .acquiring) else { return finishJob() }
            let failure = DatabaseError(causedBy: error)
            let time = context.now()
            compaction.withLock { $0.noteFailure(failure, at: time) }
        }
        finishJob(isProgress: isProgress)
    }

    private func finishJob(isProgress: Bool = false) {
        compaction.withLock { $0.isQueued = false }
        if isProgress { considerCompaction(byAge: true) }
        let waiters = compaction.withLock { state in
            guard !state.isQueued else { return [DispatchSemaphore]() }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.signal() }
    }

    /// Runs `body` unless the collection is being closed, which waits for its end.
    private func runCompaction(_ body: () throws -> Void) throws {
        let starts = compaction.withLock { state in
            guard !state.isStopped else { return false }
            state.isRunning = true
            return true
        }
        guard starts else { throw CompactionStopped() }
        defer {
            let waiters = compaction.withLock { state in
                state.isRunning = false
                guard state.isStopped else { return [DispatchSemaphore]() }
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in waiters { waiter.signal() }
        }
        try body()
    }

    /// Ends a merge that is under way, without a trace, and lets none begin. Blocks until then.
    func stopCompaction() {
        compactionIsStopped.store(true, ordering: .releasing)
        let waiter = compaction.withLock { state -> DispatchSemaphore? in
            state.isStopped = true
            guard state.isRunning else {
                for waiter in state.waiters { waiter.signal() }
                state.waiters = []
                return nil
            }
            let waiter = DispatchSemaphore(value: 0)
            state.waiters.append(waiter)
            return waiter
        }
        waiter?.wait()
    }

    // MARK: Figures for the policy

    var mergePolicy: MergePolicy {
        let configuration = configuration
        let optimizers = configuration.optimizers
        var rowsMax = context.rowCapacity(of: configuration)
        // The wire API's limit, in KiB of vectors.
        if let size = optimizers.maxSegmentSize, size > 0 {
            rowsMax = min(rowsMax, max(1, size * 1024 / configuration.denseBytesPerRow))
        }
        return MergePolicy(
            rowsMax: rowsMax, bytesMax: context.configuration.segmentBytesMax * 2,
            deletedFractionMin: optimizers.deletedThreshold,
            vacuumRowsMin: optimizers.vacuumMinVectorNumber)
    }

    /// What there is to say of each segment file.
    ///
    /// A merge may leave out rows only that are marked in a file or were deleted before all that
    /// the log still has; `flushedOnly` counts those, otherwise all are counted, which is quicker.
    func segmentStatistics(flushedOnly: Bool, byAge: Bool = false) -> [MergePolicy.Segment] {
        let flushed = flushedOnly ? flushedThrough : .zero
        let expired = byAge ? expiredBatch : .zero
        return published.withLock { $0.segments }.compactMap { segment in
            guard let segment = segment as? SealedSegment else { return nil }
            let deletions = segment.deletions
            let rows = segment.rowCount
            return MergePolicy.Segment(
                number: segment.number, rowCount: rows,
                deletedCount: flushedOnly
                    ? deletions.deletedCount(among: rows, through: flushed) : deletions.count,
                byteCount: segment.byteCount,
                hasExpiredDeletions: expired > .zero
                    && deletions.deletedCount(
                        among: rows, through: flushedOnly ? min(expired, flushed) : expired) > 0
            )
        }
    }

    /// The last batch whose deletions have been there for longer than they may; zero: none.
    private var expiredBatch: SequenceNumber {
        guard let age = context.configuration.deletedDataMaxAge else { return .zero }
        let milliseconds = UInt64(max(0, age / .milliseconds(1)))
        let time = context.now()
        return compaction.withLock {
            $0.times.lastBatch(writtenBy: time > milliseconds ? time - milliseconds : 0)
        }
    }

    /// Whether rows that are in no file yet were deleted longer ago than they may stay.
    private var hasExpiredRowsInMemory: Bool {
        let expired = expiredBatch
        guard expired > .zero else { return false }
        return published.withLock { $0.segments }.contains { segment in
            segment is GrowingSegment
                && segment.deletions.deletedCount(
                    among: segment.writtenCount(through: expired), through: expired) > 0
        }
    }

    /// Notes the time, now and then, so that it is known later how old deletions are. The note is
    /// in the manifest, since the process may end before it is of use.
    private func noteTime() throws {
        guard let age = context.configuration.deletedDataMaxAge else { return }
        let segments = published.withLock { $0.segments }
        guard segments.contains(where: { $0.deletions.count > 0 }) else { return }
        let (lsn, time) = (published.withLock { $0.lsn }, context.now())
        let interval = UInt64(max(0, age / .milliseconds(8)))
        let isNew = compaction.withLock { state in
            !state.isStopped && state.times.note(lsn, at: time, interval: interval)
        }
        guard isNew else { return }
        try manifest.withLock { manifest in try commit(manifest, replacing: &manifest) }
    }

    private func releaseLog() throws {
        try releaseLog(through: manifest.withLock { try $0.removableThrough() })
    }

    private var flushedThrough: SequenceNumber { manifest.withLock { $0.flushedThrough } }

    // MARK: Flushing

    /// Gets deletions that are only in the log into files; returns whether it did. Rows in memory
    /// come before them in the log, so they become a file first, by another job.
    private func flushForCompaction() throws -> Bool {
        // Without room for a seal there is none for a merge, and both are tried again later.
        guard maintenance.withLock({ $0.sealFailure == nil }) else { return false }
        let isWaiting = try writer.withLock { state in
            guard state.frozen.isEmpty else { return true }
            guard state.growing.rowCount > 0, !state.isClosed else { return false }
            try freeze(&state)
            return true
        }
        guard !isWaiting else {
            // When the file is there, the background job looks for merges again.
            scheduleMaintenance()
            return false
        }
        return try flushDeletions()
    }

    /// Writes deletion files for all deletions so far if the log has nothing else; returns whether
    /// it did. Without it a collection that is only deleted from would keep its log for ever.
    @discardableResult
    private func flushDeletions() throws -> Bool {
        let end = writer.withLock { state -> (lsn: SequenceNumber, positions: SourcePositions)? in
            guard state.growing.rowCount == 0, state.frozen.isEmpty else { return nil }
            log.rotate()
            return (state.lsn, state.positions)
        }
        guard let (lsn, positions) = end, lsn > flushedThrough else { return false }
        try log.waitUntilDurable(lsn)
        try manifest.withLock { manifest in
            guard manifest.flushedThrough < lsn else { return }
            var next = manifest
            next.flushedThrough = lsn
            next.setSourcePositions(positions)
            try writeDeletions(of: published.withLock { $0.segments }, through: lsn, &next)
            try commit(next, replacing: &manifest)
            // Durable, and a merge will leave out what it deleted: readers have to see all of it.
            published.withLock { $0.lsn = max($0.lsn, lsn) }
            versionWaiters.release(through: lsn)
        }
        try releaseLog()
        return true
    }
}
