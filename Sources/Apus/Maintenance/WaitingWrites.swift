private import ApusStorage

/// Writes that wait for room, first come first served.
///
/// A write runs at once when nobody waits and there is room. Whoever makes room calls `release`;
/// as the test for room and the queue share a lock, no write is forgotten.
final class WaitingWrites: Sendable {
    private struct Waiting {
        /// Rows that the write is expected to add.
        var rowCount: Int
        var write: @Sendable () -> Void
    }

    private struct Queue {
        var waiting: [Waiting] = []
        /// Nobody goes, whatever room there is.
        var isHeld = false
    }

    // Every writer comes by: a lock that spins would take the processor from those who write.
    private let queue = Monitor(Queue())

    /// `room` tells how many rows may still come; a write runs when it is above 0, however many
    /// rows it brings. False: it waits.
    func run(
        rowCount: Int, room: () -> Int, _ write: @escaping @Sendable () -> Void
    ) -> Bool {
        let runsNow = queue.withLock { queue in
            if !queue.isHeld, queue.waiting.isEmpty, room() > 0 { return true }
            queue.waiting.append(Waiting(rowCount: rowCount, write: write))
            return false
        }
        if runsNow { write() }
        return runsNow
    }

    /// Lets as many writes go as there is room for.
    func release(room: () -> Int) {
        let released = queue.withLock { queue -> ArraySlice<Waiting> in
            guard !queue.isHeld, !queue.waiting.isEmpty else { return [] }
            var rest = room()
            let released = queue.waiting.prefix { waiting in
                defer { rest -= waiting.rowCount }
                return rest > 0
            }
            queue.waiting.removeFirst(released.count)
            return released
        }
        for waiting in released { waiting.write() }
    }

    /// Lets all writes go, to succeed or to learn why they cannot.
    func releaseAll() {
        let released = queue.withLock { queue -> [Waiting] in
            guard !queue.isHeld else { return [] }
            defer { queue.waiting = [] }
            return queue.waiting
        }
        for waiting in released { waiting.write() }
    }

    /// Lets nobody go from here on; writes that went before may still be under way.
    func hold() { queue.withLock { $0.isHeld = true } }

    /// Ends `hold()`; the caller releases those who have room.
    func endHold() { queue.withLock { $0.isHeld = false } }
}
