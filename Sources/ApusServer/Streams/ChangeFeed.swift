import Apus
import ApusCore

/// One caller who follows a collection's changes, as both doors serve it. What is in memory is one
/// batch: the next one is read when the caller has taken it.
final class ChangeFeed: Sendable {
    /// What a caller gets to know before any change.
    struct Start: Hashable, Sendable {
        /// The history that the numbers belong to.
        var log: String
        /// The newest version that reads see.
        var version: SequenceNumber
        /// The first change that can still be had.
        var oldest: SequenceNumber
    }

    let start: Start
    private let reader: ChangeReader
    private let operations: Operations
    private let name: String
    private let slot: Admission.Slot
    private let call = CallContext.current
    private let lastPermission: LastPermission

    /// How often a caller is asked anew whether it may: tokens end and policies change.
    private static let permissionTime = Duration.seconds(30)

    fileprivate init(
        _ reader: ChangeReader, start: Start, of name: String, _ operations: Operations,
        _ slot: Admission.Slot
    ) {
        self.reader = reader
        self.start = start
        self.name = name
        self.operations = operations
        self.slot = slot
        lastPermission = LastPermission(interval: Self.permissionTime)
    }

    /// The next change; nil: none came within `patience`.
    ///
    /// Throws `unavailable` when the server stops, `gone` when the caller has fallen too far behind,
    /// `permissionDenied` when it may not any more.
    func next(within patience: Duration? = nil) async throws -> CollectionChange? {
        try await CallContext.$current.withValue(call) {
            if lastPermission.isOver { try await operations.authorize(.inspect, name) }
            if reader.isReady {
                if operations.drain.hasBegun { throw Drain.stopping }
                return try await reader.next()
            }
            return try await operations.drain.waiting(within: patience) { [reader] in
                try await reader.next()
            }
        }
    }
}

extension Operations {
    /// The changes after a version, of a collection whose every point the caller may see.
    ///
    /// Whoever is restricted to some of the points is refused: which deletions concern it the log
    /// does not tell (docs/adr/0034).
    /// - Parameter log: the history that the caller has followed; empty: it does not say.
    func changes(
        after version: SequenceNumber, log: String, in name: String
    ) async throws -> ChangeFeed {
        try await authorize(.inspect, name)
        let collection = try database.collection(name)
        let slot = try admission.enterStream()
        return try await database.perform { [self] in
            guard log.isEmpty || log == collection.logID else {
                throw DatabaseError(
                    .failedPrecondition,
                    "Collection `\(name)` has the history \(collection.logID), not \(log): it was "
                        + "made again or restored since; begin with its points")
            }
            let start = ChangeFeed.Start(
                log: collection.logID, version: collection.visibleVersion,
                oldest: collection.oldestChange)
            return ChangeFeed(
                try collection.changes(after: version), start: start, of: name, self, slot)
        }
    }
}
