internal import ApusCore
internal import Dispatch

/// Where the merging of a collection's segments stands.
struct CompactionState {
    /// A job waits for its turn, or runs.
    var isQueued = false
    var isRunning = false
    /// The collection is being closed or dropped.
    var isStopped = false
    /// Why the last merge failed; nothing is lost by that, and it is tried again.
    var failure: DatabaseError?
    /// Failures one after the other.
    var failureCount = 0
    /// Milliseconds since 1970 before which a failed merge is not tried again.
    var retryTime: UInt64 = 0
    /// When deletions were made, as far as it is known.
    var times: BatchTimes
    /// Told when no job waits or runs.
    var waiters: [DispatchSemaphore] = []

    init(times: BatchTimes) { self.times = times }

    private static let firstDelay: UInt64 = 1_000
    private static let longestDelay: UInt64 = 600_000

    /// The next attempt waits for 1, 2, 4, … seconds, ten minutes at most.
    mutating func noteFailure(_ error: DatabaseError, at time: UInt64) {
        failure = error
        let delay = Self.firstDelay << UInt64(min(failureCount, 16))
        failureCount += 1
        retryTime = time + min(delay, Self.longestDelay)
    }

    mutating func noteSuccess() {
        failure = nil
        failureCount = 0
        retryTime = 0
    }
}

/// A merge was ended because its collection is closed or dropped.
struct CompactionStopped: Error {}
