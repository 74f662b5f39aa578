import ApusCore

/// What the callers of a log and its thread share, under one lock.
struct WALState {
    /// The log's thread.
    enum Thread {
        /// There is none: nothing is to be written. The next append starts one.
        case resting(WALWorker)
        case running
        /// The log is closed.
        case ended
    }

    var thread: Thread
    /// The thread sleeps and has to be woken.
    var isThreadAsleep = false
    /// Callers that sleep until there is room.
    var sleeperCount = 0

    var pending: [WALJob] = []
    var pendingByteCount = 0
    var space = WALSpace()
    var durability: WriteAheadLog.Durability
    /// The last batch that was numbered, the last that may be acknowledged, and the last that is
    /// on disk.
    var last: SequenceNumber
    var committed: SequenceNumber
    var durable: SequenceNumber
    /// Somebody waits for batches up to this one to be on disk, whatever the durability.
    var wantedDurable: SequenceNumber = .zero

    var commitQueue = CompletionQueue()
    var durableQueue = CompletionQueue()
    /// Completions are being called; later ones have to queue behind them.
    var isDelivering = false

    var files: [WALScan.FileEntry]
    /// How often a new file was asked for, and how many of these wishes were seen to.
    var rotationsAsked = 0
    var rotationsDone = 0
    var failure: StorageError?
    var isClosing = false

    init(
        worker: WALWorker, durability: WriteAheadLog.Durability, files: [WALScan.FileEntry],
        last: SequenceNumber
    ) {
        thread = .resting(worker)
        self.durability = durability
        self.files = files
        self.last = last
        committed = last
        durable = last
    }

    /// How a wait for a batch ends; nil: that is not decided yet. What was reached before a
    /// failure stays reached.
    func outcome(of lsn: SequenceNumber, reached: SequenceNumber) -> Result<Void, StorageError>? {
        if lsn <= reached { return .success(()) }
        return failure.map { .failure($0) }
    }

    /// Takes out the completions whose outcome is known, in order of their numbers.
    mutating func takeReady() -> [(WriteAheadLog.Completion, Result<Void, StorageError>)] {
        var ready: [(WriteAheadLog.Completion, Result<Void, StorageError>)] = []
        ready += commitQueue.take(through: committed).map { ($0, .success(())) }
        ready += durableQueue.take(through: durable).map { ($0, .success(())) }
        if let failure {
            ready += commitQueue.take(through: last).map { ($0, .failure(failure)) }
            ready += durableQueue.take(through: last).map { ($0, .failure(failure)) }
        }
        isDelivering = !ready.isEmpty
        return ready
    }

    /// Takes over what the worker has reached.
    mutating func advance(_ worker: inout WALWorker) {
        durable = max(durable, worker.synced)
        switch durability {
        case .sync: committed = max(committed, durable)
        case .async: committed = max(committed, worker.last)
        }
        files += worker.takeNewFiles()
    }
}
