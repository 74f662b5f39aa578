internal import ApusCore
private import Dispatch
private import Synchronization

/// Where the segments of all collections of a database are merged: one merge at a time, so that no
/// more than one holds memory, on threads that stand back behind all others.
///
/// Collections take turns: each job does one merge.
final class CompactionThreads: Sendable {
    /// Inserts into graphs, beside the thread that runs the merge.
    let pool: WorkerPool
    let rate: WriteRate
    private let queue: WorkerPool
    private let interval: Duration
    private let isShutDown = Atomic<Bool>(false)

    init(_ configuration: EngineConfiguration) {
        // Searches and writes come first, then graphs of new rows, then merges.
        let niceness = min(19, configuration.indexNiceness + 5)
        pool = WorkerPool(
            name: "apus-merge", threadCount: max(1, configuration.indexThreads - 1),
            niceness: niceness)
        queue = WorkerPool(name: "apus-compact", threadCount: 1, niceness: niceness)
        let start = ContinuousClock.now
        rate = WriteRate(
            bytesPerSecond: configuration.compactionBytesPerSecond,
            now: { start.duration(to: .now) },
            wait: { duration in
                let nanoseconds = Int(duration / .nanoseconds(1))
                _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .nanoseconds(nanoseconds))
            })
        interval = configuration.maintenanceInterval
    }

    /// Calls `check` now and then until `shutDown()`, on a thread of the system; it must not block.
    func startTimer(_ check: @escaping @Sendable () -> Void) {
        let milliseconds = Int(max(1, min(interval / .milliseconds(1), 1e9)))
        DispatchQueue.global(qos: .utility).asyncAfter(
            deadline: .now() + .milliseconds(milliseconds)
        ) { [weak self] in
            guard let self, !isShutDown.load(ordering: .acquiring) else { return }
            check()
            startTimer(check)
        }
    }

    func submit(_ job: @escaping @Sendable () -> Void) { queue.submit(job) }

    func shutDown() {
        isShutDown.store(true, ordering: .releasing)
        queue.shutdown()
        pool.shutdown()
    }
}
