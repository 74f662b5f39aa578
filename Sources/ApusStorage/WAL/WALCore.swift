import ApusCore

/// What the callers of a log and its thread share.
final class WALCore: Sendable {
    private struct Waiter {
        var sequenceNumber: SequenceNumber
        var completion: WriteAheadLog.Completion
    }

    private enum Job {
        case record(WALFileWriter.Record)
        case rotation
    }

    private struct State {
        var pending: [Job] = []
        var pendingByteCount = 0
        var last: SequenceNumber
        var durable: SequenceNumber
        var waiters: [Waiter] = []
        /// Completions are being called; later ones have to queue behind them.
        var isDelivering = false
        var files: [WALScan.FileEntry]
        var failure: StorageError?
        var isClosing = false
        /// The thread has ended.
        var isEnded = false

        /// Takes out the waiters whose outcome is known, in order of their numbers.
        mutating func takeReady() -> [(WriteAheadLog.Completion, Result<Void, StorageError>)] {
            var ready: [Waiter] = []
            var rest: [Waiter] = []
            for waiter in waiters {
                if isKnown(waiter.sequenceNumber) {
                    ready.append(waiter)
                } else {
                    rest.append(waiter)
                }
            }
            waiters = rest
            ready.sort { $0.sequenceNumber < $1.sequenceNumber }
            return ready.map { ($0.completion, outcome(of: $0.sequenceNumber)) }
        }

        /// Whether it is decided that the batch is on disk, or that it never will be.
        func isKnown(_ lsn: SequenceNumber) -> Bool { failure != nil || lsn <= durable }

        func outcome(of lsn: SequenceNumber) -> Result<Void, StorageError> {
            if lsn <= durable { return .success(()) }
            if let failure { return .failure(failure) }
            return .success(())
        }
    }

    private let fileSystem: any FileSystem
    private let directory: String
    private let options: WriteAheadLog.Options
    private let monitor: Monitor<State>

    init(
        fileSystem: any FileSystem, directory: String, options: WriteAheadLog.Options,
        files: [WALScan.FileEntry], last: SequenceNumber
    ) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.options = options
        monitor = Monitor(State(last: last, durable: last, files: files))
    }
}

// MARK: - Callers

extension WALCore {
    func append(_ payload: [UInt8]) throws(StorageError) -> SequenceNumber {
        guard payload.count <= WALFormat.payloadByteCountMax else {
            throw StorageError(
                .tooLarge, path: directory,
                "a batch of \(payload.count) bytes; at most \(WALFormat.payloadByteCountMax) fit")
        }
        let compressed = unsafe payload.span.withUnsafeBytes {
            unsafe BlockCompression.compressed($0)
        }
        let stored = compressed ?? payload
        let limit = options.pendingByteCountMax
        let path = directory
        let result: Result<SequenceNumber, StorageError> = monitor.wait { state in
            if let failure = state.failure { return .failure(failure) }
            if state.isClosing {
                return .failure(StorageError(.closed, path: path, "the log is closed"))
            }
            guard state.pendingByteCount < limit else { return nil }
            state.last = state.last.next
            state.pendingByteCount += stored.count
            state.pending.append(
                .record(
                    WALFileWriter.Record(
                        sequenceNumber: state.last, stored: stored, rawByteCount: payload.count,
                        isCompressed: compressed != nil)))
            return .success(state.last)
        }
        monitor.notifyAll()
        return try result.get()
    }

    func whenDurable(_ lsn: SequenceNumber, _ completion: @escaping WriteAheadLog.Completion) {
        let outcome: Result<Void, StorageError>? = monitor.withLock { state in
            precondition(lsn <= state.last, "a wait for a batch that was never appended")
            if state.isKnown(lsn), !state.isDelivering,
                !state.waiters.contains(where: { state.isKnown($0.sequenceNumber) })
            {
                return state.outcome(of: lsn)
            }
            state.waiters.append(Waiter(sequenceNumber: lsn, completion: completion))
            return nil
        }
        if let outcome { completion(outcome) } else { monitor.notifyAll() }
    }

    func waitUntilDurable(_ lsn: SequenceNumber) throws(StorageError) {
        let outcome: Result<Void, StorageError> = monitor.wait { state in
            precondition(lsn <= state.last, "a wait for a batch that was never appended")
            return state.isKnown(lsn) ? state.outcome(of: lsn) : nil
        }
        try outcome.get()
    }

    var lastSequenceNumber: SequenceNumber { monitor.withLock { $0.last } }

    var durableSequenceNumber: SequenceNumber { monitor.withLock { $0.durable } }

    var failure: StorageError? { monitor.withLock { $0.failure } }

    var filePaths: [String] { monitor.withLock { $0.files.map(\.path) } }

    func rotate() {
        monitor.withLock { state in
            if !state.isClosing, state.failure == nil { state.pending.append(.rotation) }
        }
        monitor.notifyAll()
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

    func requestClose() {
        monitor.withLock { $0.isClosing = true }
        monitor.notifyAll()
    }

    func close() throws(StorageError) {
        requestClose()
        let failure: StorageError?? = monitor.wait { state in
            state.isEnded ? .some(.some(state.failure)) : nil
        }
        if case .some(.some(let failure)) = failure { throw failure }
    }
}

// MARK: - The thread

extension WALCore {
    /// Starts the thread, which owns the writer from now on.
    func start(_ writer: WALFileWriter) throws(StorageError) {
        do throws(StorageError) {
            try startThread(named: "apus-wal") { [self] in run(writer) }
        } catch {
            monitor.withLock { $0.isEnded = true }
            throw error
        }
    }

    private func run(_ writer: WALFileWriter) {
        var writer = writer
        while let jobs = nextJobs() {
            do throws(StorageError) {
                try write(jobs, with: &writer)
                let synced = writer.synced
                monitor.withLock { $0.durable = max($0.durable, synced) }
            } catch {
                fail(error, writer)
            }
            monitor.notifyAll()
            deliver()
        }
        do throws(StorageError) {
            if failure == nil { try writer.synchronizeAndMark() }
        } catch {
            fail(error, writer)
        }
        monitor.withLock { $0.isEnded = true }
        monitor.notifyAll()
        deliver()
    }

    /// What to write next; empty when there are only completions to call, nil at the end.
    private func nextJobs() -> [Job]? {
        monitor.wait { state -> [Job]?? in
            let isReady = state.waiters.contains { state.isKnown($0.sequenceNumber) }
            if !state.pending.isEmpty || isReady {
                let jobs = state.failure == nil ? state.pending : []
                state.pending = []
                state.pendingByteCount = 0
                return .some(jobs)
            }
            return state.isClosing ? .some(nil) : nil
        }
    }

    private func write(_ jobs: [Job], with writer: inout WALFileWriter) throws(StorageError) {
        for job in jobs {
            switch job {
            case .record(let record):
                if writer.byteCount >= options.fileByteCountMax {
                    try startFile(with: &writer)
                }
                try writer.append(record)
            case .rotation:
                try startFile(with: &writer)
            }
        }
        try writer.synchronize()
    }

    /// Ends the present file, durable to its last byte, and begins the next.
    private func startFile(with writer: inout WALFileWriter) throws(StorageError) {
        guard writer.holdsRecords else { return }
        try writer.synchronize()
        writer = try WALFileWriter(
            creatingIn: directory, fileSystem: fileSystem, first: writer.last.next,
            logID: options.logID)
        let entry = WALScan.FileEntry(first: writer.first, path: writer.path)
        monitor.withLock { $0.files.append(entry) }
    }

    private func fail(_ error: StorageError, _ writer: WALFileWriter) {
        writer.discardUnsynced()
        monitor.withLock { state in
            if state.failure == nil { state.failure = error }
            state.pending = []
            state.pendingByteCount = 0
        }
    }

    /// Calls the completions whose outcome is known, outside of the lock.
    private func deliver() {
        while true {
            let ready = monitor.withLock { state in
                let ready = state.takeReady()
                state.isDelivering = !ready.isEmpty
                return ready
            }
            if ready.isEmpty { return }
            for (completion, outcome) in ready { completion(outcome) }
        }
    }
}
