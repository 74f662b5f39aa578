public import ApusCore
internal import ApusStorage
private import Synchronization

/// Follows a collection: every batch after a number, in order and without a gap, and then what comes
/// as it is written. One task reads.
///
/// As long as the reader lives, the log keeps the files that it has not read yet, up to
/// `EngineConfiguration.unreadLogBytesMax`. A reader that falls further behind is told so by
/// `.gone`, and begins anew (docs/adr/0034).
public final class ChangeReader: Sendable {
    private let collection: Collection
    private let cursor: Mutex<LogCursor>
    private let hold: LogHolds.Ticket

    init(_ collection: Collection, cursor: LogCursor, hold: LogHolds.Ticket) {
        self.collection = collection
        self.cursor = Mutex(cursor)
        self.hold = hold
    }

    deinit { collection.logHolds.end(hold) }

    /// The batch that comes next.
    public var position: SequenceNumber { cursor.withLock { $0.position } }

    /// The next batch is there and would not have to be waited for.
    public var isReady: Bool { collection.visibleVersion >= position }

    /// The next batch, once it is on disk and reads see it; waits for as long as it takes.
    ///
    /// - Throws: `.gone` when the log does not have it any more, `.unavailable` when the collection
    ///   is closed, `CancellationError` when the task is cancelled.
    public func next() async throws -> CollectionChange {
        let number = position
        try await collection.waitForVersion(number)
        // What readers see may be lost with the power still; what a follower has must not be.
        try await collection.waitUntilDurable(number)
        guard number > collection.lastAttached else { throw collection.changeIsGone(number) }
        return try await collection.context.perform { [self] in
            let change = try read(number)
            collection.logHolds.move(hold, to: number.next)
            return change
        }
    }

    private func read(_ number: SequenceNumber) throws -> CollectionChange {
        let payload = try DatabaseError.translating {
            try cursor.withLock { try $0.next(open: collection.openLogFile) }
        }
        guard let payload else { throw collection.changeIsGone(number) }
        let batch = try Collection.batch(number, payload, collection.configuration)
        do throws(MalformedBytes) {
            return try CollectionChange(batch, number)
        } catch {
            throw DatabaseError(error, in: "batch \(number) of the log")
        }
    }
}
