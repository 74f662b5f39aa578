package import ApusCore

/// When some batches were known to have been written: enough to say which deletions are old.
///
/// A clock that jumps ahead makes deletions look older, so their data goes earlier; one that jumps
/// back delays them by no more than the age that is asked for.
package struct BatchTimes: Hashable, Sendable, Codable {
    private struct Sample: Hashable, Sendable, Codable {
        var lsn: UInt64
        /// Milliseconds since 1970.
        var time: UInt64
    }

    /// Ascending in both.
    private var samples: [Sample] = []
    private static let countMax = 64

    package init() {}

    /// Notes that every batch through `lsn` was written at or before `time`, unless a note is less
    /// than `interval` milliseconds old. Returns whether it did.
    package mutating func note(
        _ lsn: SequenceNumber, at time: UInt64, interval: UInt64
    ) -> Bool {
        // A time in the future can only come from a clock that has jumped since.
        for index in samples.indices { samples[index].time = min(samples[index].time, time) }
        if let last = samples.last {
            guard lsn.rawValue > last.lsn, time - last.time >= interval else { return false }
        }
        samples.append(Sample(lsn: lsn.rawValue, time: time))
        if samples.count > Self.countMax { samples.removeFirst(samples.count - Self.countMax) }
        return true
    }

    /// The last batch that is known to have been written at or before `time`; zero when none is.
    package func lastBatch(writtenBy time: UInt64) -> SequenceNumber {
        samples.last { $0.time <= time }.map { SequenceNumber($0.lsn) } ?? .zero
    }
}
