package import NIOCore
internal import NIOHTTP2
internal import Synchronization

/// One call as its handler sees it: what the client asked for, whether it still waits, and the way
/// to answer it.
///
/// All methods may be called from any thread. The first answer counts and ends the call; an answer
/// to a call that has ended in another way (cancelled, out of time, connection lost) goes nowhere.
package final class RPCCall: Sendable {
    package let method: RPCMethod
    /// The headers of the request.
    package let metadata: RPCMetadata
    /// When the call's headers came in.
    package let start: NIODeadline
    /// When the client stops waiting; nil: it waits as long as it takes.
    package let deadline: NIODeadline?
    /// Runs tasks on the event loop that carries the call's bytes.
    package let executor: EventLoopExecutor
    /// The client's address; nil where it has none.
    package let peer: String?

    let around: RPCHooks.Around?
    let streamID: HTTP2StreamID
    private let outbox: Outbox
    private let isEnded = Atomic(false)
    private let isCancelledFlag = Atomic(false)
    private let cancellation = Mutex(CancellationCallbacks.none)

    init(
        method: RPCMethod, metadata: RPCMetadata, start: NIODeadline, deadline: NIODeadline?,
        executor: EventLoopExecutor, peer: String?, around: RPCHooks.Around?,
        streamID: HTTP2StreamID, outbox: Outbox
    ) {
        self.method = method
        self.metadata = metadata
        self.start = start
        self.deadline = deadline
        self.executor = executor
        self.peer = peer
        self.around = around
        self.streamID = streamID
        self.outbox = outbox
    }

    /// Nobody waits for an answer any more: the client took the call back, its deadline passed, or
    /// its connection is gone. Cheap enough to be asked in an inner loop.
    package var isCancelled: Bool { isCancelledFlag.load(ordering: .relaxed) }

    /// Calls `body` once the call is cancelled, on any thread; at once if it is already.
    package func onCancel(_ body: @escaping @Sendable () -> Void) {
        let runsNow = cancellation.withLock { callbacks in
            switch callbacks {
            case .none: callbacks = .some([body])
            case .some(let others): callbacks = .some(others + [body])
            case .called: return true
            }
            return false
        }
        if runsNow { body() }
    }

    /// Ends the call with one message.
    package func respond(_ message: FramedMessage, metadata: RPCMetadata = RPCMetadata()) {
        guard end() else { return }
        outbox.post(.answer(message, metadata), for: streamID)
    }

    /// Ends the call with an error.
    package func fail(_ error: RPCError) {
        guard end() else { return }
        outbox.post(.failure(error), for: streamID)
    }

    /// Ends a streaming call after its last message.
    func finish(trailers: RPCMetadata) {
        guard end() else { return }
        outbox.post(.finish(trailers), for: streamID)
    }

    func post(_ action: CallAction) { outbox.post(action, for: streamID) }

    /// The transport's side: the call is over and nobody waits for its answer.
    func cancel() {
        isCancelledFlag.store(true, ordering: .relaxed)
        let callbacks = cancellation.withLock { callbacks in
            defer { callbacks = .called }
            return callbacks
        }
        if case .some(let bodies) = callbacks { for body in bodies { body() } }
    }

    /// An answer was given.
    var hasEnded: Bool { isEnded.load(ordering: .relaxed) }

    private func end() -> Bool { !isEnded.exchange(true, ordering: .relaxed) }

    private enum CancellationCallbacks {
        case none
        case some([@Sendable () -> Void])
        case called
    }
}

/// What a call wants of its connection; done on the connection's event loop.
enum CallAction: Sendable {
    /// Headers, one message and trailers.
    case answer(FramedMessage, RPCMetadata)
    case failure(RPCError)
    /// Headers alone, ahead of the first message.
    case headers(RPCMetadata)
    /// One of several messages. The continuation resumes when more may be written.
    case message(FramedMessage, CheckedContinuation<Void, any Error>)
    /// Trailers.
    case finish(RPCMetadata)
    /// The handler has taken most of what was queued for it.
    case resumeReading

    /// It ends the call, and nobody waits for it to be done.
    var isLast: Bool {
        switch self {
        case .answer, .failure, .finish: true
        case .headers, .message, .resumeReading: false
        }
    }

    /// The call is gone.
    func reject() {
        if case .message(_, let continuation) = self {
            continuation.resume(throwing: CancellationError())
        }
    }
}
