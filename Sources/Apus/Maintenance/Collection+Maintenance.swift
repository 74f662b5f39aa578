internal import ApusCore
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
    /// Told when the job finds nothing more to do.
    var waiters: [DispatchSemaphore] = []
}

extension Collection {
    /// Rows that go into a graph in one step, between which other collections get their turn.
    private static let rowsPerStep = 4096

    /// Blocks until every point is in its graphs and full segments are files.
    public func waitUntilIndexed() throws {
        scheduleMaintenance()
        waitUntilIdle()
        if let failure = published.withLock({ $0.failure }) { throw failure }
        if let failure = maintenance.withLock({ $0.sealFailure }) { throw failure }
    }

    /// Writes the growing segment as a file, with its graph. Blocks until it is done.
    public func seal() throws {
        do {
            try writer.withLock { state in
                if state.growing.rowCount > 0 { try freeze(&state) }
            }
        } catch let error as StorageError {
            throw DatabaseError(error)
        }
        try waitUntilIndexed()
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
            room.release(hasRoom: hasRoom)
            let waiters = maintenance.withLock { state -> [DispatchSemaphore]? in
                if hasMore || state.isRequested { return nil }
                state.isRunning = false
                defer { state.waiters = [] }
                return state.waiters
            }
            guard let waiters else { return submitStep() }
            // Nothing is left to index: whoever still waits has room now.
            room.releaseAll()
            for waiter in waiters { waiter.signal() }
        }
    }

    /// Does one piece of work; false when there is none.
    private func maintenanceStep() -> Bool {
        let (frozen, growing) = writer.withLock { ($0.frozen.first, $0.growing) }
        guard let frozen else { return indexStep(growing) || loadStep() }
        // The oldest segment first: log files and waiting writes depend on it.
        if frozen.segment.index(rowsMax: Self.rowsPerStep, finish: true, pool: context.indexPool) {
            return true
        }
        do {
            try writeSegment(frozen)
            maintenance.withLock { $0.sealFailure = nil }
            return true
        } catch {
            let failure = DatabaseError(causedBy: error)
            maintenance.withLock { $0.sealFailure = failure }
            return indexStep(growing)
        }
    }

    /// Brings one field of a segment file into memory. Its vectors are compared with their
    /// checksum on the way; damage is told by the collection's state, and the others are served.
    private func loadStep() -> Bool {
        let segments = published.withLock { $0.segments }
        for case let segment as SealedSegment in segments where !segment.isLoaded {
            do {
                return try segment.loadNextField()
            } catch {
                let damage = DatabaseError(causedBy: error)
                published.withLock { if $0.damage == nil { $0.damage = damage } }
                return true
            }
        }
        return false
    }

    private func indexStep(_ segment: GrowingSegment) -> Bool {
        segment.index(rowsMax: Self.rowsPerStep, finish: false, pool: context.indexPool)
    }

    // MARK: Room for writes

    /// Runs a write now, or when the backlog of background work allows it.
    func whenThereIsRoom(_ write: @escaping @Sendable () -> Void) {
        room.run(write, hasRoom: hasRoom)
        if !room.isEmpty { scheduleMaintenance() }
    }

    private func hasRoom() -> Bool {
        let (segments, failure) = published.withLock { ($0.segments, $0.failure) }
        if failure != nil { return true }
        if maintenance.withLock({ $0.sealFailure != nil }) { return true }
        let growing = segments.compactMap { $0 as? GrowingSegment }
        let unindexed = growing.reduce(0) { $0 + $1.waitingCount }
        return growing.count <= 2 && unindexed < context.configuration.unindexedRowsMax
    }

    var isFullyIndexed: Bool {
        published.withLock { $0.segments }.allSatisfy { segment in
            (segment as? GrowingSegment).map { $0.waitingCount == 0 } ?? true
        }
    }

    /// Starts a new growing segment when the batch does not fit into the present one.
    func makeRoom(for batch: WriteBatch, _ state: inout WriterState) throws {
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
        log.rotate()
        state.nextSegmentNumber += 1
        state.frozen.append(FrozenSegment(segment: state.growing, lastLSN: state.lsn))
        state.growing = next
        state.segments.append(next)
        let segments = state.segments
        published.withLock { $0.segments = segments }
    }
}
