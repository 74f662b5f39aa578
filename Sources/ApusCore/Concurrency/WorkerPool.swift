private import Synchronization

#if canImport(Glibc)
private import Glibc
#else
private import Darwin
#endif

/// Threads of our own for CPU-bound and blocking work, so that none of it runs on an event loop
/// or in the cooperative pool.
///
/// Jobs start in the order of `submit`. All methods may be called from any thread, from jobs too.
/// The queue has no bound of its own: who submits bounds what is in flight.
@safe
package final class WorkerPool: @unchecked Sendable {
    // Sendable: what changes is guarded by `mutex`.
    package let threadCount: Int

    private let niceness: Int32
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let wakeUp: UnsafeMutablePointer<pthread_cond_t>
    private var jobs = JobQueue()
    private var isStopping = false
    private var waitingCount = 0
    private var threads: [ThreadHandle] = []

    /// Starts the threads, at least one; `name` shows in debuggers and `top`.
    ///
    /// `niceness` (0…19) is how far they stand back behind other threads when there are not
    /// enough cores; only Linux knows it for single threads.
    package init(name: String, threadCount: Int, niceness: Int = 0) {
        self.threadCount = max(1, threadCount)
        self.niceness = Int32(min(max(niceness, 0), 19))
        unsafe mutex = .allocate(capacity: 1)
        unsafe wakeUp = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(wakeUp, nil)
        for number in 0..<self.threadCount {
            startThread(named: "\(name)-\(number)")
        }
        precondition(!threads.isEmpty, "the system refused every thread of \(name)")
    }

    /// Only reached after `shutdown()`: running threads hold the pool.
    deinit {
        unsafe pthread_cond_destroy(wakeUp)
        unsafe pthread_mutex_destroy(mutex)
        unsafe wakeUp.deallocate()
        unsafe mutex.deallocate()
    }

    /// Runs `job` on one of the threads, soon. After `shutdown()` it runs at once on the caller's
    /// thread, so that nobody waits for a job that never comes.
    package func submit(_ job: @escaping @Sendable () -> Void) {
        unsafe pthread_mutex_lock(mutex)
        let isAccepted = !isStopping
        if isAccepted { jobs.append(job) }
        unsafe pthread_mutex_unlock(mutex)
        if isAccepted { unsafe pthread_cond_signal(wakeUp) } else { job() }
    }

    /// Jobs that no thread has taken yet.
    package var queuedCount: Int {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return jobs.count
    }

    /// Threads that have nothing to do, at this moment.
    package var idleCount: Int {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return max(0, waitingCount - jobs.count)
    }

    /// Calls `body` once with each of `0..<iterations`, on the pool's threads and the caller's;
    /// returns when all calls have returned.
    ///
    /// Which thread takes which iteration is not determined. All that the calls wrote is visible
    /// to the caller afterwards. The caller takes part, so it works from within a job too.
    package func perform(iterations: Int, _ body: @escaping @Sendable (Int) -> Void) {
        guard iterations > 0 else { return }
        let loop = SharedLoop(iterations: iterations, body: body)
        for _ in 0..<min(threadCount, iterations - 1) { submit { loop.run() } }
        loop.run()
        loop.waitUntilDone()
    }

    /// What `body` returns for each of `0..<iterations`, in order; called as `perform` does.
    package func map<Value: Sendable>(
        iterations: Int, _ body: @escaping @Sendable (Int) -> Value
    ) -> [Value] {
        let results = SharedValues<Value>(count: max(0, iterations))
        perform(iterations: iterations) { index in
            let value = body(index)
            results.values.withLock { $0[index] = value }
        }
        return results.values.withLock { $0.compactMap(\.self) }
    }

    /// Finishes what was submitted, then ends the threads and waits for them. Idempotent; not to
    /// be called from a job of this pool.
    package func shutdown() {
        unsafe pthread_mutex_lock(mutex)
        isStopping = true
        let ending = threads
        threads = []
        unsafe pthread_mutex_unlock(mutex)
        unsafe pthread_cond_broadcast(wakeUp)
        for thread in ending { thread.join() }
    }

    private func runJobs() {
        while let job = nextJob() { job() }
    }

    /// Blocks until there is a job; nil when the pool stops and nothing is left.
    private func nextJob() -> (@Sendable () -> Void)? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let job = jobs.popFirst() { return job }
            if isStopping { return nil }
            waitingCount += 1
            unsafe pthread_cond_wait(wakeUp, mutex)
            waitingCount -= 1
        }
    }

    /// When the system refuses a thread the others do its work.
    private func startThread(named name: String) {
        if let thread = ThreadHandle(ThreadStart(pool: self, name: name)) { threads.append(thread) }
    }

    /// What a new thread gets: the pool, kept alive while the thread runs, and its name.
    fileprivate final class ThreadStart {
        let pool: WorkerPool
        let name: String

        init(pool: WorkerPool, name: String) {
            self.pool = pool
            self.name = name
        }

        func run() {
            nameThread(name)
            if pool.niceness > 0 { lowerPriority(pool.niceness) }
            pool.runJobs()
        }
    }
}

/// A running thread, to be joined once.
@safe
private struct ThreadHandle {
    #if canImport(Glibc)
    private let thread: pthread_t
    #else
    private let thread: UInt
    #endif

    /// Nil when the system refuses it.
    init?(_ start: WorkerPool.ThreadStart) {
        let argument = unsafe Unmanaged.passRetained(start).toOpaque()
        #if canImport(Glibc)
        var thread = pthread_t()
        let code = unsafe pthread_create(&thread, nil, { unsafe threadMain($0) }, argument)
        self.thread = thread
        #else
        var thread: pthread_t?
        let code = unsafe pthread_create(&thread, nil, { unsafe threadMain($0) }, argument)
        self.thread = unsafe UInt(bitPattern: thread)
        #endif
        guard code == 0 else {
            unsafe Unmanaged<WorkerPool.ThreadStart>.fromOpaque(argument).release()
            return nil
        }
    }

    func join() {
        #if canImport(Glibc)
        pthread_join(thread, nil)
        #else
        if let thread = unsafe pthread_t(bitPattern: thread) { unsafe pthread_join(thread, nil) }
        #endif
    }
}

private func threadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    unsafe Unmanaged<WorkerPool.ThreadStart>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}

/// Gives the calling thread a name that debuggers and `top` show; best effort.
private func nameThread(_ name: String) {
    #if canImport(Glibc)
    // Glibc's module hides pthread_setname_np. The kernel keeps 15 bytes of a name.
    let file = unsafe open("/proc/thread-self/comm", O_WRONLY)
    guard file >= 0 else { return }
    let bytes = Array(name.utf8.suffix(15))
    _ = unsafe write(file, bytes, bytes.count)
    close(file)
    #else
    unsafe pthread_setname_np(name)
    #endif
}

/// Makes the calling thread stand back; best effort.
private func lowerPriority(_ niceness: Int32) {
    #if os(Linux)
    // Against POSIX, Linux takes "this process" as the calling thread.
    _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness)
    #endif
}

/// First in, first out, without moving the rest.
private struct JobQueue {
    private var incoming: [@Sendable () -> Void] = []
    private var outgoing: [@Sendable () -> Void] = []

    var count: Int { incoming.count + outgoing.count }

    mutating func append(_ job: @escaping @Sendable () -> Void) { incoming.append(job) }

    mutating func popFirst() -> (@Sendable () -> Void)? {
        if outgoing.isEmpty {
            outgoing = incoming.reversed()
            incoming.removeAll(keepingCapacity: true)
        }
        return outgoing.popLast()
    }
}

/// Iterations that several threads take from one counter.
@safe
private final class SharedLoop: @unchecked Sendable {
    // Sendable: the counters are atomic, the body is Sendable, `isDone` is guarded by `mutex`.
    private let iterations: Int
    private let body: @Sendable (Int) -> Void
    private let next = Atomic<Int>(0)
    private let finished = Atomic<Int>(0)
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let wakeUp: UnsafeMutablePointer<pthread_cond_t>
    private var isDone = false

    init(iterations: Int, body: @escaping @Sendable (Int) -> Void) {
        self.iterations = iterations
        self.body = body
        unsafe mutex = .allocate(capacity: 1)
        unsafe wakeUp = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(wakeUp, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(wakeUp)
        unsafe pthread_mutex_destroy(mutex)
        unsafe wakeUp.deallocate()
        unsafe mutex.deallocate()
    }

    /// Takes iterations until none is left; a thread that comes too late does nothing.
    func run() {
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < iterations else { return }
            body(index)
            if finished.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue == iterations {
                unsafe pthread_mutex_lock(mutex)
                isDone = true
                unsafe pthread_mutex_unlock(mutex)
                unsafe pthread_cond_broadcast(wakeUp)
            }
        }
    }

    func waitUntilDone() {
        unsafe pthread_mutex_lock(mutex)
        while !isDone { unsafe pthread_cond_wait(wakeUp, mutex) }
        unsafe pthread_mutex_unlock(mutex)
    }
}

/// Values that several threads put down.
private final class SharedValues<Value: Sendable>: Sendable {
    let values: Mutex<[Value?]>

    init(count: Int) { values = Mutex(Array(repeating: nil, count: count)) }
}
