internal import Synchronization

/// A token bucket: how fast background work may write, averaged over a second.
///
/// It knows the time and waits through what it is given, so that tests need neither.
package final class WriteRate: Sendable {
    private let bytesPerSecond: Double
    private let now: @Sendable () -> Duration
    private let wait: @Sendable (Duration) -> Void
    private let state: Mutex<State>

    private struct State {
        /// Bytes that may be written at once; below zero there is a debt to wait for.
        var balance: Double
        var lastTime: Duration
    }

    /// `bytesPerSecond` ≤ 0 means no limit. `now` never goes back.
    package init(
        bytesPerSecond: Int, now: @escaping @Sendable () -> Duration,
        wait: @escaping @Sendable (Duration) -> Void
    ) {
        self.bytesPerSecond = Double(bytesPerSecond)
        self.now = now
        self.wait = wait
        state = Mutex(State(balance: Double(max(0, bytesPerSecond)), lastTime: now()))
    }

    /// Blocks until `byteCount` bytes may be written, one second's worth at most being saved up.
    /// Looks at `isCancelled` a few times a second, and returns early when it is true.
    package func take(_ byteCount: Int, isCancelled: () -> Bool = { false }) {
        guard bytesPerSecond > 0 else { return }
        let debt = state.withLock { state -> Double in
            let time = now()
            state.balance += bytesPerSecond * ((time - state.lastTime) / .seconds(1))
            state.balance = min(state.balance, bytesPerSecond) - Double(byteCount)
            state.lastTime = time
            return -state.balance
        }
        guard debt > 0 else { return }
        let end = now() + .seconds(debt / bytesPerSecond)
        while !isCancelled() {
            let rest = end - now()
            guard rest > .zero else { return }
            wait(min(rest, .milliseconds(100)))
        }
    }
}
