internal import ApusCore
internal import ApusStorage
private import Synchronization

extension Collection {
    /// Writes the graphs of the growing segment when enough rows have come into them since the
    /// last time; false when it is not time yet.
    ///
    /// The more rows there are the rarer: all checkpoints of a segment together write some five
    /// times what the last one does.
    func checkpointStep(_ segment: GrowingSegment) -> Bool {
        let indexed = segment.rowCountInGraphs
        let isDue = maintenance.withLock { state in
            let before = state.checkpoint.segment == segment.number ? state.checkpoint.rowCount : 0
            let interval = max(context.configuration.checkpointRowsMin, before / 4)
            guard indexed - before >= interval else { return false }
            // Also when it fails: a checkpoint saves time only, and the next one will do.
            state.checkpoint = (segment.number, indexed)
            return true
        }
        guard isDue else { return false }
        do {
            try log.waitUntilDurable(segment.version(at: indexed - 1))
            try GraphCheckpoint.write(
                segment, fileSystem: context.fileSystem,
                path: files.checkpoint(segment.version(at: 0)))
        } catch {
            maintenance.withLock { $0.checkpointFailure = DatabaseError(causedBy: error) }
        }
        return true
    }

    /// After a seal: the segment has its graphs now.
    func removeCheckpoint(of segment: GrowingSegment) {
        guard segment.rowCount > 0 else { return }
        // One that stays behind is a stray file, which the next start removes.
        try? context.fileSystem.remove(files.checkpoint(segment.version(at: 0)))
    }

    /// After the log was replayed: gives its segments the graphs that were written for them.
    static func loadCheckpoints(
        of segments: [GrowingSegment], _ files: CollectionFiles, fileSystem: any FileSystem
    ) {
        for segment in segments where segment.rowCount > 0 {
            // Without one, or with one that is of no use, the rows are inserted again.
            try? GraphCheckpoint.load(
                into: segment, fileSystem: fileSystem,
                path: files.checkpoint(segment.version(at: 0)))
        }
    }
}
