import Synchronization

/// Counts finished requests by door, route, method and status.
///
/// Labels stay few: a route is its template, never a collection's or a point's name.
package final class RequestMetrics: Sendable {
    package struct Key: Hashable, Sendable {
        /// `rest` or `grpc`.
        package var door: String
        package var route: String
        package var method: String
        package var status: Int

        package init(door: String, route: String, method: String, status: Int) {
            self.door = door
            self.route = route
            self.method = method
            self.status = status
        }
    }

    package struct Total: Hashable, Sendable {
        package var requests = 0
        package var duration = Duration.zero

        fileprivate mutating func add(_ duration: Duration) {
            requests += 1
            self.duration += duration
        }
    }

    private let totals = Mutex<[Key: Total]>([:])
    private let start = ContinuousClock.now

    package init() {}

    package func record(_ key: Key, duration: Duration) {
        totals.withLock { $0[key, default: Total()].add(duration) }
    }

    package func snapshot() -> [Key: Total] { totals.withLock { $0 } }

    package var uptime: Duration { ContinuousClock.now - start }
}

extension Duration {
    /// As a number of seconds, to the nanosecond.
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds / 1_000_000_000) / 1e9
    }
}
