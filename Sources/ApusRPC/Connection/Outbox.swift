internal import NIOCore
internal import NIOHTTP2
internal import Synchronization

/// The way from calls, on any thread, to their connection, on its event loop.
///
/// What is posted from another thread while the loop has not yet taken what was posted before
/// costs no further wake-up, and all of it leaves in one flush. Answers of a connection with many open
/// calls wait for each other: the loop is woken for a part of them, or comes by itself.
final class Outbox: Sendable {
    private struct Mail: Sendable {
        var letters: [(streamID: HTTP2StreamID, action: CallAction)] = []
        var isPickUpScheduled = false
        /// The loop is woken for so many answers; whoever sets more than one picks up now and then.
        var bunchCount = 1
    }

    let eventLoop: any EventLoop
    /// Empty once the connection is gone.
    private let connection: NIOLoopBoundBox<RPCConnection?>
    private let mail = Mutex(Mail())

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        connection = .makeEmptyBox(valueType: RPCConnection.self, eventLoop: eventLoop)
    }

    /// On the event loop.
    func connect(_ connection: RPCConnection?) { self.connection.value = connection }

    func post(_ action: CallAction, for streamID: HTTP2StreamID) {
        guard !eventLoop.inEventLoop else {
            deliver(action, to: streamID)
            return
        }
        let mustWake = mail.withLock { mail in
            mail.letters.append((streamID, action))
            guard !mail.isPickUpScheduled,
                !action.isLast || mail.letters.count >= mail.bunchCount
            else { return false }
            mail.isPickUpScheduled = true
            return true
        }
        if mustWake { eventLoop.execute { self.pickUp() } }
    }

    /// Runs `body` with the connection, soon, if there still is one.
    func withConnection(_ body: @escaping @Sendable (RPCConnection) -> Void) {
        eventLoop.execute {
            if let connection = self.connection.value { body(connection) }
        }
    }

    /// Wakes the loop for so many answers at once.
    func wake(forEach count: Int) { mail.withLock { $0.bunchCount = count } }

    /// Delivers what was posted; on the event loop.
    func pickUp() {
        let letters = mail.withLock { mail in
            defer {
                mail.letters = []
                mail.isPickUpScheduled = false
            }
            return mail.letters
        }
        for letter in letters { deliver(letter.action, to: letter.streamID) }
    }

    private func deliver(_ action: CallAction, to streamID: HTTP2StreamID) {
        if let connection = connection.value {
            connection.perform(action, for: streamID)
        } else {
            action.reject()
        }
    }
}
