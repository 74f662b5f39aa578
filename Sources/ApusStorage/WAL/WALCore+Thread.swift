import ApusCore

// The log's thread. It is started by the first append after a rest and ends when nothing was to be
// done for a while, so that a thousand collections that nobody writes to have no threads.
extension WALCore {
    /// Sees to it that a thread will look at the state, starting one if there is none. Called under
    /// the lock.
    func wakeThread(_ state: inout WALState) -> StorageError? {
        guard case .resting(let worker) = state.thread else {
            wakeSleepingThread(&state)
            return nil
        }
        do throws(StorageError) {
            try startThread(named: "apus-wal") { [self] in run(worker) }
            state.thread = .running
            return nil
        } catch {
            return error
        }
    }

    /// Called under the lock.
    func wakeSleepingThread(_ state: inout WALState) {
        guard state.isThreadAsleep else { return }
        state.isThreadAsleep = false
        monitor.notifyAll()
    }

    private enum Step {
        case work(request: WALSpace.Request?, jobs: [WALJob], synchronizes: Bool)
        /// Nothing to do now, but records to sync later.
        case none
        case end
        case rest
    }

    private func run(_ worker: WALWorker) {
        var worker = worker
        while true {
            switch nextStep(worker) {
            case .work(let request, let jobs, let synchronizes):
                do throws(StorageError) {
                    if let request { try answer(request, &worker) }
                    try worker.write(jobs, synchronizing: synchronizes)
                    deliver { state in
                        state.advance(&worker)
                        state.rotationsDone += jobs.count(where: \.isRotation)
                    }
                    try allocateAhead(&worker)
                } catch {
                    fail(error, &worker)
                }
            case .none: break
            case .end: return end(worker)
            case .rest: return
            }
        }
    }

    /// Waits for something to do.
    private func nextStep(_ worker: WALWorker) -> Step {
        let idle = ContinuousClock.now + .milliseconds(options.idleMillisecondsMax)
        // What is written and not synced waits until its time is over.
        let mode = monitor.withLock { $0.durability }
        let deadline = worker.unsyncedSince.map { $0 + mode.delayMax } ?? idle
        let step = monitor.wait(until: deadline) { state -> Step? in
            state.isThreadAsleep = false
            if let next = decide(worker, isLate: false, state.durability == mode, &state) {
                return next
            }
            state.isThreadAsleep = true
            return nil
        }
        if let step { return step }
        return monitor.withLock { state in
            state.isThreadAsleep = false
            return decide(worker, isLate: true, true, &state) ?? .none
        }
    }

    private func decide(
        _ worker: WALWorker, isLate: Bool, _ isDeadlineRight: Bool, _ state: inout WALState
    ) -> Step? {
        if state.failure != nil {
            state.pending = []
            state.pendingByteCount = 0
            return state.isClosing ? .end : isLate ? rest(worker, &state) : nil
        }
        let isUnsynced = worker.unsyncedSince != nil
        // By the clock, and not only at the end of a wait: with work all the time none ever ends.
        let delay = state.durability.delayMax
        let isOverdue = worker.unsyncedSince.map { isLate || .now >= $0 + delay }
        let mustSync =
            state.durability == .sync || state.isClosing || state.wantedDurable > state.durable
            || isOverdue ?? false
        if !state.pending.isEmpty || state.space.isAsked || isUnsynced && mustSync {
            let step = Step.work(
                request: state.space.takeRequest(), jobs: state.pending, synchronizes: mustSync)
            state.pending = []
            state.pendingByteCount = 0
            return step
        }
        if state.isClosing { return .end }
        if !isDeadlineRight { return Step.none }
        return isLate && !isUnsynced ? rest(worker, &state) : nil
    }

    private func rest(_ worker: WALWorker, _ state: inout WALState) -> Step {
        var worker = worker
        worker.releaseBuffer()
        state.thread = .resting(worker)
        return .rest
    }

    // MARK: Space

    private func answer(
        _ request: WALSpace.Request, _ worker: inout WALWorker
    ) throws(StorageError) {
        var grown: UInt64 = 0
        var refusal: StorageError?
        do throws(StorageError) {
            grown = try worker.allocate(request.needs, free: request.freeByteCount)
        } catch  where error.kind == .outOfSpace {
            refusal = error
        }
        monitor.withLock { state in
            state.files += worker.takeNewFiles()
            state.space.add(grown)
            state.space.answer(request, refusal: refusal)
        }
        monitor.notifyAll()
    }

    /// Keeps appends from having to wait for space. When there is none, they will be told.
    private func allocateAhead(_ worker: inout WALWorker) throws(StorageError) {
        let free = monitor.withLock { $0.space.freeByteCount }
        guard worker.isShortOfSpace(free: free) else { return }
        do throws(StorageError) {
            let wanted = free + 1
            let grown = try worker.allocate(wanted...wanted, free: free)
            monitor.withLock { $0.space.add(grown) }
        } catch  where error.kind == .outOfSpace {
            return
        }
    }

    // MARK: Outcomes

    /// Batches were acknowledged that are written and not synced: a failure must not take them off
    /// the file again.
    private var acknowledgesWritten: Bool {
        monitor.withLock { $0.durability != .sync || $0.committed > $0.durable }
    }

    private func fail(_ error: StorageError, _ worker: inout WALWorker) {
        worker.discard(keepingWritten: acknowledgesWritten)
        deliver { state in
            state.files += worker.takeNewFiles()
            if state.failure == nil { state.failure = error }
            state.pending = []
            state.pendingByteCount = 0
        }
    }

    /// Closes the file; the log is at its end.
    func end(_ worker: WALWorker) {
        var worker = worker
        var failure = self.failure
        if failure == nil {
            do throws(StorageError) {
                try worker.close()
            } catch {
                worker.discard(keepingWritten: acknowledgesWritten)
                failure = error
            }
        }
        deliver { state in
            state.thread = .ended
            if let failure {
                state.failure = failure
            } else {
                state.advance(&worker)
            }
        }
        monitor.notifyAll()
    }

    /// Changes the state, and calls the completions whose outcome that decides, outside of the
    /// lock.
    private func deliver(_ change: (inout WALState) -> Void) {
        var ready = monitor.withLock { state in
            change(&state)
            if state.sleeperCount > 0 { monitor.notifyAll() }
            return state.takeReady()
        }
        while !ready.isEmpty {
            for (completion, outcome) in ready { completion(outcome) }
            ready = monitor.withLock { $0.takeReady() }
        }
    }
}
