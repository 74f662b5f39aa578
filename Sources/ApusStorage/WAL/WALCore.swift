import ApusCore

/// A log's calls, from any thread; `WALCore+Thread.swift` has what its own thread does.
final class WALCore: Sendable {
    let fileSystem: any FileSystem
    let directory: String
    let options: WriteAheadLog.Options
    let monitor: Monitor<WALState>

    init(
        fileSystem: any FileSystem, directory: String, options: WriteAheadLog.Options,
        files: [WALScan.FileEntry], writer: WALFileWriter?, last: SequenceNumber
    ) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.options = options
        let worker = WALWorker(
            fileSystem: fileSystem, directory: directory, options: options, writer: writer,
            last: last)
        monitor = Monitor(
            WALState(worker: worker, durability: options.durability, files: files, last: last))
    }

    // MARK: Appending

    func append(
        _ payload: [UInt8], mayUseReserve: Bool
    ) throws(StorageError) -> SequenceNumber {
        guard payload.count <= WALFormat.payloadByteCountMax else {
            throw StorageError(
                .tooLarge, path: directory,
                "a batch of \(payload.count) bytes; at most \(WALFormat.payloadByteCountMax) fit")
        }
        let compressed = unsafe payload.span.withUnsafeBytes {
            unsafe BlockCompression.compressed($0)
        }
        let record = WALFileWriter.Record(
            sequenceNumber: .zero, stored: compressed ?? payload, rawByteCount: payload.count,
            isCompressed: compressed != nil)
        let reserve = mayUseReserve ? 0 : options.reserveByteCount
        var ticket: Int?
        var isSleeping = false
        let result: Result<SequenceNumber, StorageError> = monitor.wait { state in
            if isSleeping { state.sleeperCount -= 1 }
            let result = number(record, leaving: reserve, &ticket, &state)
            isSleeping = result == nil
            if isSleeping { state.sleeperCount += 1 }
            return result
        }
        return try result.get()
    }

    /// Numbers a batch, if there is room for it; nil: wait and try again.
    private func number(
        _ record: WALFileWriter.Record, leaving reserve: UInt64, _ ticket: inout Int?,
        _ state: inout WALState
    ) -> Result<SequenceNumber, StorageError>? {
        if let failure = state.failure { return .failure(failure) }
        if state.isClosing {
            return .failure(StorageError(.closed, path: directory, "the log is closed"))
        }
        guard state.pendingByteCount < options.pendingByteCountMax else { return nil }
        if let error = wakeThread(&state) { return .failure(error) }
        guard state.space.take(record.byteCount, leaving: reserve) else {
            if let ticket, !state.space.isAnswered(ticket) { return nil }
            if ticket != nil, let refusal = state.space.lastRefusal { return .failure(refusal) }
            ticket = state.space.ask(for: record.byteCount + reserve)
            return nil
        }
        var record = record
        state.last = state.last.next
        record.sequenceNumber = state.last
        state.pendingByteCount += record.stored.count
        state.pending.append(.record(record))
        return .success(state.last)
    }

    func rotate() {
        monitor.withLock { state in
            guard !state.isClosing, state.failure == nil, wakeThread(&state) == nil else { return }
            state.pending.append(.rotation)
            state.rotationsAsked += 1
        }
    }

    func waitUntilRotated() {
        let asked = monitor.withLock { state in
            state.sleeperCount += 1
            return state.rotationsAsked
        }
        monitor.wait { state -> Void? in
            guard state.rotationsDone >= asked || state.failure != nil || state.isClosing else {
                return nil
            }
            state.sleeperCount -= 1
            return ()
        }
    }

    // MARK: Waiting

    func whenCommitted(_ lsn: SequenceNumber, _ completion: @escaping WriteAheadLog.Completion) {
        let outcome: Result<Void, StorageError>? = monitor.withLock { state in
            precondition(lsn <= state.last, "a wait for a batch that was never appended")
            // While completions are called, even one that is ready has its place behind them.
            if !state.isDelivering, let outcome = state.outcome(of: lsn, reached: state.committed) {
                return outcome
            }
            state.commitQueue.add(lsn, completion)
            return nil
        }
        if let outcome { completion(outcome) }
    }

    func whenDurable(
        _ lsn: SequenceNumber, hurrying: Bool = true,
        _ completion: @escaping WriteAheadLog.Completion
    ) {
        let outcome: Result<Void, StorageError>? = monitor.withLock { state in
            precondition(lsn <= state.last, "a wait for a batch that was never appended")
            if !state.isDelivering, let outcome = state.outcome(of: lsn, reached: state.durable) {
                return outcome
            }
            state.durableQueue.add(lsn, completion)
            if hurrying, lsn > state.wantedDurable {
                state.wantedDurable = lsn
                wakeSleepingThread(&state)
            }
            return nil
        }
        if let outcome { completion(outcome) }
    }

    /// A monitor for each wait: one for all would wake every waiting thread for every batch.
    func waitUntilDurable(_ lsn: SequenceNumber) throws(StorageError) {
        let outcome = Monitor<Result<Void, StorageError>?>(nil)
        whenDurable(lsn) { result in
            outcome.withLock { $0 = result }
            outcome.notifyAll()
        }
        try outcome.wait { $0 }.get()
    }

    // MARK: State

    var lastSequenceNumber: SequenceNumber { monitor.withLock { $0.last } }

    var durableSequenceNumber: SequenceNumber { monitor.withLock { $0.durable } }

    var failure: StorageError? { monitor.withLock { $0.failure } }

    var filePaths: [String] { monitor.withLock { $0.files.map(\.path) } }

    var durability: WriteAheadLog.Durability {
        get { monitor.withLock { $0.durability } }
        set {
            monitor.withLock { state in
                state.durability = newValue
                wakeSleepingThread(&state)
            }
        }
    }

    func removeFiles(through lsn: SequenceNumber) throws(StorageError) {
        // Oldest first, so that a crash in between leaves no gap.
        while let path = monitor.withLock({ state -> String? in
            guard state.files.count > 1, state.files[1].first <= lsn.next else { return nil }
            return state.files[0].path
        }) {
            do throws(StorageError) {
                try fileSystem.remove(path)
            } catch  where error.kind == .notFound {
                // Another caller was faster.
            }
            monitor.withLock { state in
                if state.files.first?.path == path { state.files.removeFirst() }
            }
        }
        try fileSystem.synchronizeDirectory(directory)
    }

    // MARK: Closing

    func requestClose() {
        monitor.withLock { state in
            state.isClosing = true
            wakeSleepingThread(&state)
        }
        // Callers that wait for room get their error.
        monitor.notifyAll()
    }

    func close() throws(StorageError) {
        requestClose()
        // The thread ends the log; where none runs, this caller does.
        let resting: WALWorker? = monitor.wait { state -> WALWorker?? in
            switch state.thread {
            case .running: return nil
            case .ended: return .some(nil)
            case .resting(let worker):
                state.thread = .running
                return worker
            }
        }
        if let resting { end(resting) }
        if let failure { throw failure }
    }
}
