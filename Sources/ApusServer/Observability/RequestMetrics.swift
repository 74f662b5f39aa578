package import ApusCore
import Synchronization

/// Counts finished requests, and how long they took, by door, route, method and status.
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

    private let histograms = Mutex<[Key: Histogram]>([:])
    private let start = ContinuousClock.now

    package init() {}

    package func record(_ key: Key, duration: Duration) {
        let histogram = histograms.withLock { histograms -> Histogram in
            if let known = histograms[key] { return known }
            let new = Histogram()
            histograms[key] = new
            return new
        }
        histogram.record(duration)
    }

    package func snapshot() -> [(key: Key, durations: Histogram.Snapshot)] {
        histograms.withLock { $0 }
            .sorted {
                ($0.key.door, $0.key.route, $0.key.method, $0.key.status)
                    < ($1.key.door, $1.key.route, $1.key.method, $1.key.status)
            }
            .map { ($0.key, $0.value.snapshot) }
    }

    package var uptime: Duration { ContinuousClock.now - start }
}

extension Duration {
    /// As a number of seconds, to the nanosecond.
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds / 1_000_000_000) / 1e9
    }
}
