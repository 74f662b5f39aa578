private import Synchronization

/// What a run did, stage by stage.
package struct PipelineCounters: Hashable, Sendable, Codable {
    /// Records that the source gave.
    package var read = 0
    /// Of these, earlier ones of a key that came again before they were written.
    package var superseded = 0
    /// … that the filter left out.
    package var leftOut = 0
    /// … that say of a key that it is gone.
    package var deleted = 0
    /// … that were set aside as dead letters.
    package var setAside = 0
    /// … that are in the collection as they are.
    package var unchanged = 0
    /// … that were written.
    package var written = 0
    /// Keys that a pass over the whole source did not find any more.
    package var swept = 0
    package var chunks = 0
    /// Chunks whose vector was there already.
    package var reused = 0
    package var embedded = 0
    /// Of these, texts whose vector the cache had.
    package var cached = 0
    /// Calls of the cache that failed.
    package var cacheFailures = 0
    /// Chunks that have no vector, because the embedder knows nothing in them.
    package var withoutVector = 0
    package var pointsUpserted = 0
    package var pointsDeleted = 0
    package var batches = 0
    /// Failures after which something was tried again.
    package var retries = 0

    package init() {}

    static func += (left: inout PipelineCounters, right: PipelineCounters) {
        left.read += right.read
        left.superseded += right.superseded
        left.leftOut += right.leftOut
        left.deleted += right.deleted
        left.setAside += right.setAside
        left.unchanged += right.unchanged
        left.written += right.written
        left.swept += right.swept
        left.chunks += right.chunks
        left.reused += right.reused
        left.embedded += right.embedded
        left.cached += right.cached
        left.cacheFailures += right.cacheFailures
        left.withoutVector += right.withoutVector
        left.pointsUpserted += right.pointsUpserted
        left.pointsDeleted += right.pointsDeleted
        left.batches += right.batches
        left.retries += right.retries
    }
}

/// How far a run is, for whoever watches it.
package struct PipelineProgress: Hashable, Sendable, Codable {
    /// What is durable.
    package var counters = PipelineCounters()
    /// Records that wait in the source; nil: it does not say.
    package var lag: Int?
    /// The time of the newest record that is durable, in milliseconds since 1970.
    package var recordTime: Int64?
    /// The last failure after which something was tried again.
    package var lastFailure: String?
    /// Nothing more is there for now.
    package var isCaughtUp = false

    package init() {}
}

/// The progress of a run, shared between its tasks and those who watch.
package final class PipelineMonitor: Sendable {
    private let state = Mutex(PipelineProgress())

    package init() {}

    package var progress: PipelineProgress { state.withLock { $0 } }

    func update(_ change: (inout PipelineProgress) -> Void) { state.withLock { change(&$0) } }

    func note(_ error: StageError) {
        state.withLock {
            $0.counters.retries += 1
            $0.lastFailure = error.description
        }
    }
}
