private import Synchronization

/// Writes that wait for room, first come first served.
///
/// A write runs at once when nobody waits and there is room. Whoever makes room calls `release`;
/// as the test for room and the queue share a lock, no write is forgotten.
final class WaitingWrites: Sendable {
    /// Writes let go at a time: each may add a batch before the next look at the room.
    private static let burst = 4

    private let queue = Mutex<[@Sendable () -> Void]>([])

    func run(_ write: @escaping @Sendable () -> Void, hasRoom: () -> Bool) {
        let runsNow = queue.withLock { queue in
            if queue.isEmpty, hasRoom() { return true }
            queue.append(write)
            return false
        }
        if runsNow { write() }
    }

    /// Lets some writes go if there is room for them.
    func release(hasRoom: () -> Bool) {
        let released = queue.withLock { queue -> [@Sendable () -> Void] in
            guard !queue.isEmpty, hasRoom() else { return [] }
            let released = Array(queue.prefix(Self.burst))
            queue.removeFirst(released.count)
            return released
        }
        for write in released { write() }
    }

    /// Lets all writes go, to succeed or to learn why they cannot.
    func releaseAll() {
        let released = queue.withLock { queue in
            defer { queue = [] }
            return queue
        }
        for write in released { write() }
    }

    var isEmpty: Bool { queue.withLock { $0.isEmpty } }
}
