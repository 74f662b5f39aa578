private import Synchronization

/// Counts durations by how long they were, for what scrapes them: few numbers, whatever came in.
package final class Histogram: Sendable {
    /// Upper bounds in seconds, ascending: 100 µs to 30 s, about 2.5 apart.
    package static let bounds: [Double] = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
        10, 30,
    ]

    package struct Snapshot: Hashable, Sendable {
        /// Durations up to each bound and above the bound before; one more for what is longer.
        package var counts = [Int](repeating: 0, count: Histogram.bounds.count + 1)
        package var sum = Duration.zero

        package var count: Int { counts.reduce(0, +) }

        fileprivate mutating func record(_ duration: Duration) {
            let seconds =
                Double(duration.components.seconds)
                + Double(duration.components.attoseconds) / 1e18
            counts[Histogram.bounds.firstIndex { seconds <= $0 } ?? Histogram.bounds.count] += 1
            sum += duration
        }
    }

    private let state = Mutex(Snapshot())

    package init() {}

    package func record(_ duration: Duration) { state.withLock { $0.record(duration) } }

    package var snapshot: Snapshot { state.withLock { $0 } }
}
