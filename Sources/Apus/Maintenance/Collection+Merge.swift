internal import ApusCore
internal import ApusStorage
private import Synchronization

// A merge reads rows of some segment files and writes one file in their place.
//
// Which rows it leaves out is decided once, at its start: those whose deletion is at or before the
// manifest's "flushed through" F. So the files say by themselves what the collection was at F, the
// log is only needed for what came later, and replaying it can meet no row that is missing: whatever
// a batch after F deletes was alive at F. Every reader that comes after the swap is at F or later
// and misses nothing; readers from before hold the old segments.
//
// Deletions go on meanwhile, on the old segments. Before the commit the marks are copied, and those
// at or before the F of that moment (it may have moved) become the new segment's deletion file; the
// log has the others. Then, under the writer's lock, marks that came after the copy are copied too,
// and writer and readers get the new segment: from then on marks go there.
//
// Lock order: manifest, writer, published. While a thread holds the manifest's lock, the published
// segment files are those that the manifest names.

extension Collection {
    /// Replaces the segments by one with the rows that live; by none when none does.
    ///
    /// On the compaction thread. Throws `CompactionStopped` when the collection is being closed;
    /// after any error the segments are as before.
    func merge(_ numbers: [UInt64]) throws {
        let start = ContinuousClock.now
        let meters = context.configuration.meters
        defer { meters.merge.record(ContinuousClock.now - start) }
        do {
            try mergeVerified(numbers)
        } catch let damage as SegmentDamage {
            meters.mergeFailures.wrappingAdd(1, ordering: .relaxed)
            // It goes on without the damaged one, which is as it would be for searches.
            try takeOutOfService(damage)
            throw damage.cause
        } catch {
            if !(error is CompactionStopped) {
                meters.mergeFailures.wrappingAdd(1, ordering: .relaxed)
            }
            throw error
        }
    }

    private func mergeVerified(_ numbers: [UInt64]) throws {
        let (inputs, flushed) = try mergeInputs(numbers)
        let number = writer.withLock { state in
            defer { state.nextSegmentNumber += 1 }
            return state.nextSegmentNumber
        }
        for input in inputs {
            try pause()
            // What is copied gets a new checksum: damage must not get one as well.
            try input.verify()
            try input.prepareRows()
        }
        let parts = mergeParts(inputs, at: flushed)
        let isCancelled = { @Sendable [self] in compactionIsStopped.load(ordering: .relaxed) }
        let merged = try MergedSegment(
            number: number, parts: parts, configuration: configuration,
            pool: context.compaction.pool, isCancelled: isCancelled, pause: pause)
        guard merged.rowCount > 0 else {
            return try swap(inputs, for: nil, rowsFrom: merged)
        }
        try pause()
        let source =
            hasMemory(toReorder: merged)
            ? try inWalkOrder(
                merged, pool: context.compaction.pool, isCancelled: isCancelled, pause: pause)
            : merged
        try pause()
        let path = files.segment(number)
        try context.reserve.lending {
            try SegmentFile.write(
                source, fileSystem: context.fileSystem, path: path,
                schema: published.withLock { $0.schema }, pool: context.compaction.pool,
                pacing: compactionPacing)
        }
        do {
            let sealed = try SealedSegment(
                path: path, fileSystem: context.fileSystem, number: number, replacing: source,
                configuration: configuration,
                memoryIsBounded: context.boundsMemory(of: configuration))
            try swap(inputs, for: sealed, rowsFrom: source)
        } catch {
            removeUnlessCommitted(number)
            throw error
        }
    }

    /// The segments, and the batch through which rows that were deleted are left out.
    private func mergeInputs(
        _ numbers: [UInt64]
    ) throws -> (segments: [SealedSegment], flushed: SequenceNumber) {
        try manifest.withLock { manifest in
            let segments = published.withLock { $0.segments }
            let inputs = numbers.compactMap { number in
                segments.first { $0.number == number } as? SealedSegment
            }
            guard inputs.count == numbers.count, !inputs.isEmpty else {
                throw DatabaseError(.internalError, "no segments \(numbers) to merge")
            }
            return (inputs, manifest.flushedThrough)
        }
    }

    /// The rows that live at `lsn`; the segment with the most of them first, since its graph is
    /// what the others are inserted into.
    private func mergeParts(
        _ inputs: [SealedSegment], at lsn: SequenceNumber
    ) -> [MergedSegment.Part] {
        inputs.map { segment in
            let rows = (0..<segment.rowCount).lazy.filter {
                segment.deletions.isVisible($0, at: lsn)
            }
            return MergedSegment.Part(
                segment: segment, survivors: rows.map { UInt32(truncatingIfNeeded: $0) })
        }.sorted { left, right in
            (right.survivors.count, left.segment.number)
                < (left.survivors.count, right.segment.number)
        }
    }

    /// Commits the new segment in place of the old ones and gives it to writer and readers.
    private func swap(
        _ inputs: [SealedSegment], for sealed: SealedSegment?, rowsFrom merged: any SegmentSource
    ) throws {
        let old = Set(inputs.map(\.number))
        try manifest.withLock { manifest in
            try pause()
            // What was deleted from a segment while it was out of service left no mark in it.
            let served = published.withLock { $0.segments }
            guard inputs.allSatisfy({ input in served.contains { $0 === input } }) else {
                throw DatabaseError(
                    .unavailable, "a segment went out of service while it was being merged")
            }
            let markCount = merged.copyDeletions()
            var next = manifest
            next.nextSegmentNumber = max(next.nextSegmentNumber, merged.number + 1)
            let place = next.segments.firstIndex { old.contains($0.number) } ?? 0
            next.segments.removeAll { old.contains($0.number) }
            if let sealed {
                next.segments.insert(
                    Manifest.Segment(number: sealed.number, rowCount: sealed.rowCount), at: place)
                try writeDeletions(of: [sealed], through: manifest.flushedThrough, &next)
            }
            try commit(next, replacing: &manifest)
            // Committed: nothing ends it any more.
            try? context.configuration.mergePauseHook?()
            writer.withLock { state in
                if merged.markCount != markCount { merged.copyDeletions() }
                let place = state.segments.firstIndex { old.contains($0.number) } ?? 0
                state.segments.removeAll { old.contains($0.number) }
                if let sealed { state.segments.insert(sealed, at: place) }
                let segments = state.segments
                published.withLock { $0.segments = segments }
            }
        }
        // The settings may have changed since the file was opened.
        sealed?.want(configuration)
        accountMemory()
    }

    /// Between two pieces of work: ends the merge when the collection is being closed.
    private func pause() throws {
        if compactionIsStopped.load(ordering: .acquiring) { throw CompactionStopped() }
        try context.configuration.mergePauseHook?()
    }

    private var compactionPacing: SegmentWriter.Pacing {
        SegmentWriter.Pacing { [self] byteCount throws(StorageError) in
            let isStopped = { [self] in compactionIsStopped.load(ordering: .relaxed) }
            context.compaction.rate.take(byteCount, isCancelled: isStopped)
            if isStopped() {
                throw StorageError(.closed, path: files.directory, "the collection is closed")
            }
        }
    }
}
