import Synchronization

/// When a call that goes on for long was last found to be allowed.
final class LastPermission: Sendable {
    private let interval: Duration
    private let due: Mutex<ContinuousClock.Instant>

    /// It was allowed now.
    init(interval: Duration) {
        self.interval = interval
        due = Mutex(.now + interval)
    }

    /// It has to be asked again, which counts as done.
    var isOver: Bool {
        due.withLock { due in
            guard ContinuousClock.now >= due else { return false }
            due = .now + interval
            return true
        }
    }
}
