internal import ApusCore
private import ApusIndex
private import ApusStorage
internal import Dispatch
private import Synchronization

/// Where the background work of a collection stands. At most one job runs at a time; it works in
/// steps and queues itself again after each, so that collections take turns on the index threads.
struct MaintenanceState {
    var isRunning = false
    /// There may be more to do than the running job has seen.
    var isRequested = false
    /// Why the last segment could not be written; it is tried again with the next write.
    var sealFailure: DatabaseError?
    /// Somebody wants to know whether it would fail again.
    var sealRetryIsDue = false
    /// The last segment whose file a manifest that was written names, and whether its rows are in the
    /// order of walks there.
    var sealed: (segment: UInt64, isReordered: Bool) = (0, false)
    /// The last graph checkpoint: of which segment, and how many rows it has.
    var checkpoint: (segment: UInt64, rowCount: Int) = (0, 0)
    /// Why the last checkpoint could not be written; the next one is tried all the same.
    var checkpointFailure: DatabaseError?
    /// Told when the job finds nothing more to do.
    var waiters: [DispatchSemaphore] = []
}

extension Collection {
    /// Rows that go into a graph in one step, between which other collections get their turn.
    private static let rowsPerStep = 512

    /// Blocks until every point is in its graphs and full segments are files.
    public func waitUntilIndexed() throws {
        scheduleMaintenance()
        waitUntilIdle()
        if let failure = published.withLock({ $0.failure }) { throw failure }
        if let failure = maintenance.withLock({ $0.sealFailure }) { throw failure }
    }

    /// Writes the growing segment as a file, with its graph. Blocks until it is done.
    public func seal() throws {
        if writer.withLock({ $0.isClosed }) {
            throw DatabaseError(.unavailable, "collection `\(name)` is closed")
        }
        try sealRows()
    }

    func sealRows() throws {
        do {
            try writer.withLock { state in
                if state.growing.rowCount > 0 { try freeze(&state) }
            }
        } catch let error as StorageError {
            throw DatabaseError(error)
        }
        try waitUntilIndexed()
    }

    /// Whether rows wait for their graphs, enough for a batch, or a segment for its file. Cheap, so
    /// that small writes do not wake a thread for nothing.
    var hasMaintenanceWork: Bool {
        let (segments, fields) = published.withLock { ($0.segments, $0.schema.indexedFields) }
        let growing = segments.compactMap { $0 as? GrowingSegment }
        return growing.count > 1
            || growing.contains { $0.waitingCount > 0 || $0.hasPayloadToIndex(fields) }
    }

    /// Makes sure that a job looks for work.
    func scheduleMaintenance() {
        let starts = maintenance.withLock { state in
            state.isRequested = true
            guard !state.isRunning else { return false }
            state.isRunning = true
            return true
        }
        if starts { submitStep() }
    }

    /// Blocks until no job runs.
    func waitUntilIdle() {
        let idle = maintenance.withLock { state -> DispatchSemaphore? in
            guard state.isRunning else { return nil }
            let waiter = DispatchSemaphore(value: 0)
            state.waiters.append(waiter)
            return waiter
        }
        idle?.wait()
    }

    private func submitStep() {
        context.indexPool.submit { [self] in
            maintenance.withLock { $0.isRequested = false }
            let hasMore = maintenanceStep()
            waitingWrites.release(room: room)
            let waiters = maintenance.withLock { state -> [DispatchSemaphore]? in
                if hasMore || state.isRequested { return nil }
                state.isRunning = false
                defer { state.waiters = [] }
                return state.waiters
            }
            guard let waiters else { return submitStep() }
            // Nothing is left to index: whoever still waits has room now.
            waitingWrites.releaseAll()
            considerCompaction()
            for waiter in waiters { waiter.signal() }
        }
    }

    /// Does one piece of work; false when there is none.
    private func maintenanceStep() -> Bool {
        guard !isDetached.load(ordering: .acquiring) else { return false }
        let (frozen, growing) = writer.withLock { ($0.frozen.first, $0.growing) }
        guard let frozen else {
            return checkpointStep(growing) || indexStep(growing) || loadStep()
        }
        // The oldest segment first: log files and waiting writes depend on it.
        if frozen.segment.index(rowsMax: Self.rowsPerStep, finish: true, pool: context.indexPool) {
            return true
        }
        do {
            try context.reserve.lending { try writeSegment(frozen) }
            context.reserve.refill()
            maintenance.withLock { $0.sealFailure = nil }
            return true
        } catch {
            let failure = DatabaseError(causedBy: error)
            maintenance.withLock {
                $0.sealFailure = failure
                $0.sealRetryIsDue = false
            }
            return indexStep(growing)
        }
    }

    /// Verifies one more part of a segment file, and brings it into memory where it belongs there,
    /// so that no search has to wait for that.
    private func loadStep() -> Bool {
        let (segments, fields) = published.withLock { ($0.segments, $0.schema.indexedFields) }
        for case let segment as SealedSegment in segments {
            do {
                let faults = segment.faults.count
                guard try segment.loadNextPart(fields, hasMemory: { hasMemory(for: $0) })
                else { continue }
                for fault in segment.faults.dropFirst(faults) {
                    context.reportDamage(collection: name, fault)
                }
                accountMemory()
                return true
            } catch {
                // Other failures, such as a lack of memory, may be over at the next use.
                guard let damage = error as? SegmentDamage else { return false }
                try? takeOutOfService(damage)
                return true
            }
        }
        return false
    }

    private func indexStep(_ segment: GrowingSegment) -> Bool {
        let fields = published.withLock { $0.schema.indexedFields }
        let hasIndexedPayload = (try? segment.indexPayload(fields)) ?? false
        return segment.index(rowsMax: Self.rowsPerStep, finish: false, pool: context.indexPool)
            || hasIndexedPayload
    }

    // MARK: Room for writes

    /// Runs a write that adds about `rowCount` rows now, or when the backlog of background work
    /// allows it.
    func whenThereIsRoom(rowCount: Int, _ write: @escaping @Sendable () -> Void) {
        // A write is refused for what the disk says now, not for what it said once.
        maintenance.withLock { $0.sealRetryIsDue = $0.sealFailure != nil }
        if !waitingWrites.run(rowCount: rowCount, room: room, write) { scheduleMaintenance() }
    }

    /// Rows that may still come before writes have to wait.
    func room() -> Int {
        let (segments, failure) = published.withLock { ($0.segments, $0.failure) }
        // A write that cannot succeed goes on, to learn why.
        if failure != nil { return .max }
        if maintenance.withLock({ $0.sealFailure != nil && !$0.sealRetryIsDue }) { return .max }
        let growing = segments.compactMap { $0 as? GrowingSegment }
        guard growing.count <= 2, !waitsForMemory(segments) else { return 0 }
        return unindexedRowsMax - growing.reduce(0) { $0 + $1.waitingCount }
    }

    /// Rows that may wait for their graph: every search scans them, so what counts is their size.
    private var unindexedRowsMax: Int {
        let byBytes = context.configuration.unindexedBytesMax / configuration.denseBytesPerRow
        return min(context.configuration.unindexedRowsMax, max(byBytes, 2 * HNSWIndex.batchSize))
    }

    var isFullyIndexed: Bool { waitingForIndex.segments == 0 }

    /// Segments with rows that wait for their graph, and how many rows.
    package var waitingForIndex: (segments: Int, rows: Int) {
        published.withLock { $0.segments }.reduce(into: (0, 0)) { sum, segment in
            guard let growing = segment as? GrowingSegment else { return }
            let count = growing.waitingCount
            if count > 0 {
                sum.0 += 1
                sum.1 += count
            }
        }
    }

    /// Starts a new growing segment when the batch does not fit into the present one. Throws when
    /// memory has no room for it either.
    func makeRoom(for batch: WriteBatch, _ state: inout WriterState) throws {
        try requireMemory(for: batch, &state)
        let rows = batch.rowCount
        let blobBytes = batch.blobByteCount
        guard !state.growing.hasRoom(rows: rows, blobBytes: blobBytes) else { return }
        guard state.growing.couldHold(rows: rows, blobBytes: blobBytes) else {
            throw DatabaseError(
                .validation,
                "Validation error: a batch of \(rows) points with \(blobBytes) bytes of payload "
                    + "is larger than a segment; split it")
        }
        if state.frozen.count >= 2 {
            throw maintenance.withLock { $0.sealFailure }
                ?? DatabaseError(
                    .resourceExhausted,
                    "collection `\(name)`: writes arrive faster than segments are written")
        }
        try freeze(&state)
    }

    /// Lets the growing segment take no more rows and starts a new one.
    func freeze(_ state: inout WriterState) throws {
        let next = try context.makeGrowingSegment(
            number: state.nextSegmentNumber, configuration: configuration)
        freeze(&state, before: next)
    }

    /// The same with the new one, which has the next number.
    func freeze(_ state: inout WriterState, before next: GrowingSegment) {
        log.rotate()
        state.nextSegmentNumber += 1
        state.freezeGrowing()
        state.growing = next
        state.segments.append(next)
        let segments = state.segments
        published.withLock { $0.segments = segments }
    }
}
