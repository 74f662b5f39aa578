import ApusCore
import Synchronization

/// Bounds what the engine has to do at one time, so that an overloaded server refuses at once what
/// it could only answer too late.
package final class Admission: Sendable {
    package enum Kind: String, Sendable, CaseIterable { case read, write }

    private let limits: ServerConfiguration.Limits
    private let reads = Atomic(0)
    private let writes = Atomic(0)
    private let refusedReads = Atomic(0)
    private let refusedWrites = Atomic(0)

    package init(_ limits: ServerConfiguration.Limits = .init()) { self.limits = limits }

    /// Operations that run or wait, and how many were refused since the start.
    package func counts(_ kind: Kind) -> (open: Int, refused: Int) {
        switch kind {
        case .read: (reads.load(ordering: .relaxed), refusedReads.load(ordering: .relaxed))
        case .write: (writes.load(ordering: .relaxed), refusedWrites.load(ordering: .relaxed))
        }
    }

    /// Runs `body` if there is room for it; a read has to get a thread within its time.
    /// Throws `resourceExhausted` otherwise.
    package func admitting<Value>(
        _ kind: Kind, _ body: () async throws -> Value
    ) async throws -> Value {
        switch kind {
        case .read:
            guard reads.wrappingAdd(1, ordering: .relaxed).newValue <= limits.readsMax else {
                reads.wrappingSubtract(1, ordering: .relaxed)
                refusedReads.wrappingAdd(1, ordering: .relaxed)
                throw Self.refusal(kind, limits.readsMax)
            }
            defer { reads.wrappingSubtract(1, ordering: .relaxed) }
            return try await Interruption.within(limits.readTimeout, body)
        case .write:
            guard writes.wrappingAdd(1, ordering: .relaxed).newValue <= limits.writesMax else {
                writes.wrappingSubtract(1, ordering: .relaxed)
                refusedWrites.wrappingAdd(1, ordering: .relaxed)
                throw Self.refusal(kind, limits.writesMax)
            }
            defer { writes.wrappingSubtract(1, ordering: .relaxed) }
            return try await body()
        }
    }

    private static func refusal(_ kind: Kind, _ limit: Int) -> DatabaseError {
        DatabaseError(
            .resourceExhausted,
            "The server is overloaded: \(limit) \(kind.rawValue)s are under way; try again later")
    }
}
