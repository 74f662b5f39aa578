import ApusCore
import Synchronization

/// Bounds what the engine has to do at one time, so that an overloaded server refuses at once what
/// it could only answer too late.
package final class Admission: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case read, write
        /// A call that goes on for as long as its caller likes.
        case stream
    }

    /// A place that is taken for as long as this lives.
    final class Slot: Sendable {
        private let admission: Admission

        fileprivate init(_ admission: Admission) { self.admission = admission }

        deinit { admission.streams.wrappingSubtract(1, ordering: .relaxed) }
    }

    private let limits: ServerConfiguration.Limits
    private let reads = Atomic(0)
    private let writes = Atomic(0)
    private let streams = Atomic(0)
    private let refusedStreams = Atomic(0)
    private let refusedReads = Atomic(0)
    private let refusedWrites = Atomic(0)

    package init(_ limits: ServerConfiguration.Limits = .init()) { self.limits = limits }

    /// Operations that run or wait, and how many were refused since the start.
    package func counts(_ kind: Kind) -> (open: Int, refused: Int) {
        switch kind {
        case .read: (reads.load(ordering: .relaxed), refusedReads.load(ordering: .relaxed))
        case .write: (writes.load(ordering: .relaxed), refusedWrites.load(ordering: .relaxed))
        case .stream: (streams.load(ordering: .relaxed), refusedStreams.load(ordering: .relaxed))
        }
    }

    /// A place for a stream. Throws `resourceExhausted` when there is none.
    func enterStream() throws -> Slot {
        guard streams.wrappingAdd(1, ordering: .relaxed).newValue <= limits.streamsMax else {
            streams.wrappingSubtract(1, ordering: .relaxed)
            refusedStreams.wrappingAdd(1, ordering: .relaxed)
            throw Self.refusal(.stream, limits.streamsMax)
        }
        return Slot(self)
    }

    /// How long an admitted read may take, from then on.
    var readTimeout: Duration { limits.readTimeout }

    /// A place for a read, which `leaveRead` gives back. Throws `resourceExhausted` when there is none.
    func enterRead() throws(DatabaseError) {
        guard reads.wrappingAdd(1, ordering: .relaxed).newValue <= limits.readsMax else {
            leaveRead()
            refusedReads.wrappingAdd(1, ordering: .relaxed)
            throw Self.refusal(.read, limits.readsMax)
        }
    }

    func leaveRead() { reads.wrappingSubtract(1, ordering: .relaxed) }

    /// Runs `body` if there is room for it; a read has to get a thread within its time.
    /// Throws `resourceExhausted` otherwise.
    package func admitting<Value>(
        _ kind: Kind, _ body: () async throws -> Value
    ) async throws -> Value {
        switch kind {
        case .read:
            try enterRead()
            defer { leaveRead() }
            return try await Interruption.within(limits.readTimeout, body)
        case .write:
            guard writes.wrappingAdd(1, ordering: .relaxed).newValue <= limits.writesMax else {
                writes.wrappingSubtract(1, ordering: .relaxed)
                refusedWrites.wrappingAdd(1, ordering: .relaxed)
                throw Self.refusal(kind, limits.writesMax)
            }
            defer { writes.wrappingSubtract(1, ordering: .relaxed) }
            return try await body()
        case .stream:
            let slot = try enterStream()
            defer { withExtendedLifetime(slot) {} }
            return try await body()
        }
    }

    private static func refusal(_ kind: Kind, _ limit: Int) -> DatabaseError {
        DatabaseError(
            .resourceExhausted,
            "The server is overloaded: \(limit) \(kind.rawValue)s are under way; try again later")
    }
}
