private import CApusSystem

/// A value behind a mutex with one condition variable: what `Mutex` is, plus waiting for a change.
///
/// Unchecked because the compiler does not see that `state` is touched only between lock and
/// unlock; `withLock` and `wait` are the only ways to it.
@safe
package final class Monitor<State>: @unchecked Sendable {
    private let monitor: OpaquePointer
    private var state: State

    package init(_ state: sending State) {
        guard let monitor = unsafe capus_monitor_create() else {
            preconditionFailure("no memory for a mutex")
        }
        unsafe self.monitor = monitor
        self.state = state
    }

    deinit { unsafe capus_monitor_destroy(monitor) }

    /// Runs `body` under the lock. It must not call back into this monitor, and must be short.
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        unsafe capus_monitor_lock(monitor)
        defer { unsafe capus_monitor_unlock(monitor) }
        return try body(&state)
    }

    /// Sleeps until `body` returns a value; it is called under the lock, now and after each
    /// `notifyAll()`.
    package func wait<Result: ~Copyable>(
        _ body: (inout State) -> sending Result?
    ) -> sending Result {
        unsafe capus_monitor_lock(monitor)
        defer { unsafe capus_monitor_unlock(monitor) }
        while true {
            if let result = body(&state) { return result }
            unsafe capus_monitor_wait(monitor)
        }
    }

    /// The same until a moment of the monotonic clock, and nil when that has come.
    package func wait<Result: ~Copyable>(
        until deadline: ContinuousClock.Instant, _ body: (inout State) -> sending Result?
    ) -> sending Result? {
        unsafe capus_monitor_lock(monitor)
        defer { unsafe capus_monitor_unlock(monitor) }
        while true {
            if let result = body(&state) { return result }
            let rest = ContinuousClock.now.duration(to: deadline)
            guard rest > .zero else { return nil }
            unsafe capus_monitor_wait_for(monitor, rest.nanoseconds)
        }
    }

    /// Makes every waiting thread look again. May be called under the lock, too.
    package func notifyAll() { unsafe capus_monitor_broadcast(monitor) }
}

extension Duration {
    /// At most some thirty years.
    fileprivate var nanoseconds: Int64 {
        min(components.seconds, 1 << 30) * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}

/// Starts a system thread for blocking work; it ends when `body` returns.
func startThread(
    named name: String, _ body: @escaping @Sendable () -> Void
) throws(StorageError) {
    let box = unsafe Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    let result = unsafe capus_thread_start(name, box) { context in
        guard let context = unsafe context else { return }
        unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
    }
    guard result >= 0 else {
        unsafe Unmanaged<ThreadBody>.fromOpaque(box).release()
        throw StorageError(.io, path: name, "cannot start the thread (error \(-result))")
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
