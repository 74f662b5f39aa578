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
        let segment = frozen.segment
        let path = files.segment(segment.number)
        try SegmentFile.write(segment, fileSystem: context.fileSystem, path: path)
        let sealed = try SealedSegment(
            path: path, fileSystem: context.fileSystem, number: segment.number,
            deletions: segment.deletions, configuration: configuration)

        let segments = published.withLock { $0.segments }
        try manifest.withLock { manifest in
            var next = manifest
            next.flushedThrough = frozen.lastLSN
            next.nextSegmentNumber = max(next.nextSegmentNumber, segment.number + 1)
            next.segments.append(
                SegmentEntry(number: segment.number, rowCount: UInt64(segment.rowCount)))
            try writeDeletions(of: segments, through: frozen.lastLSN, &next)
            try commit(next, replacing: &manifest)
        }
        replace(segment, with: sealed)
        try log.removeFiles(through: frozen.lastLSN)
    }

    /// Commits a manifest and removes the deletion files that it names no more.
    func commit(_ next: Manifest, replacing manifest: inout Manifest) throws {
        var next = next
        next.generation = manifest.generation + 1
        try files.store.commit(next)
        let kept = Set(next.segments.map { files.deletions(of: $0) })
        for entry in manifest.segments {
            guard let old = files.deletions(of: entry), !kept.contains(old) else { continue }
            // A file that stays behind is a stray one, which the next start removes.
            try? context.fileSystem.remove(old)
        }
        manifest = next
    }

    /// Writes for each segment in the manifest which rows were deleted through `lsn`, if more are
    /// than its present file says.
    private func writeDeletions(
        of segments: [any Segment], through lsn: SequenceNumber, _ manifest: inout Manifest
    ) throws {
        for index in manifest.segments.indices {
            let entry = manifest.segments[index]
            guard let segment = segments.first(where: { $0.number == entry.number }) else {
                continue
            }
            let rows = segment.deletions.deletedRows(among: Int(entry.rowCount), through: lsn)
            guard UInt64(rows.count) > entry.deletedCount else { continue }
            var next = entry
            next.deletionsThrough = lsn
            next.deletedCount = UInt64(rows.count)
            if let path = files.deletions(of: next) {
                try DeletionFile(
                    through: lsn, rowCount: UInt32(clamping: entry.rowCount), rows: rows
                ).write(to: path, fileSystem: context.fileSystem)
            }
            manifest.segments[index] = next
        }
    }

    private func replace(_ segment: GrowingSegment, with sealed: any Segment) {
        writer.withLock { state in
            state.frozen.removeAll { $0.segment === segment }
            state.segments = state.segments.map { $0 === segment ? sealed : $0 }
            let segments = state.segments
            published.withLock { $0.segments = segments }
        }
    }

    private func waitUntilDurable(_ lsn: SequenceNumber) throws {
        let outcome = BlockingResult<Void>()
        log.whenDurable(lsn) { outcome.set($0.mapError { $0 }) }
        try outcome.wait()
    }
}
