package import NIOCore
internal import Synchronization

/// The messages of one streaming call as they come in, for one reader.
///
/// Ends after the client's last message; throws `RPCError` for a broken stream and
/// `CancellationError` for a cancelled call. A reader that stands still keeps at most a window of
/// bytes and one message in memory: then the client is not allowed to send more.
package final class RPCRequests: AsyncSequence, Sendable {
    package typealias Element = ByteBuffer

    private struct State {
        var messages = CircularBuffer<ByteBuffer>()
        var byteCount = 0
        var end: Result<Void, any Error>?
        var reader: CheckedContinuation<ByteBuffer?, any Error>?
    }

    private let state = Mutex(State())
    private let lowWatermark: Int
    private let onDrained: @Sendable () -> Void

    /// `onDrained` is called each time that what is queued falls to `lowWatermark` bytes.
    init(lowWatermark: Int, onDrained: @escaping @Sendable () -> Void) {
        self.lowWatermark = lowWatermark
        self.onDrained = onDrained
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let requests: RPCRequests

        package mutating func next() async throws -> ByteBuffer? { try await requests.next() }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(requests: self) }

    /// A reader whose task is cancelled gets no more messages, also later.
    private func next() async throws -> ByteBuffer? {
        try await withTaskCancellationHandler {
            try await take()
        } onCancel: {
            finish(throwing: CancellationError())
        }
    }

    private func take() async throws -> ByteBuffer? {
        var isDrained = false
        defer { if isDrained { onDrained() } }
        return try await withCheckedThrowingContinuation { continuation in
            let ready: Result<ByteBuffer?, any Error>? = state.withLock { state in
                if let message = state.messages.popFirst() {
                    let before = state.byteCount
                    state.byteCount -= message.readableBytes
                    isDrained = before > lowWatermark && state.byteCount <= lowWatermark
                    return .success(message)
                }
                switch state.end {
                case .success: return .success(nil)
                case .failure(let error): return .failure(error)
                case nil: break
                }
                guard state.reader == nil else {
                    return .failure(
                        RPCError(.internalError, "two readers wait for one stream of messages"))
                }
                state.reader = continuation
                return nil
            }
            if let ready { continuation.resume(with: ready) }
        }
    }

    /// The number of bytes that wait for the reader after this message.
    func push(_ message: ByteBuffer) -> Int {
        let (reader, byteCount) = state.withLock { state in
            guard state.end == nil else {
                return (nil as CheckedContinuation<ByteBuffer?, any Error>?, 0)
            }
            if let reader = state.reader {
                state.reader = nil
                return (reader, state.byteCount)
            }
            state.messages.append(message)
            state.byteCount += message.readableBytes
            return (nil, state.byteCount)
        }
        reader?.resume(returning: message)
        return byteCount
    }

    /// No more messages come; nil: because the client sent all. The first end counts, and what
    /// has been queued is still read when it is no error.
    func finish(throwing error: (any Error)? = nil) {
        let reader = state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
            guard state.end == nil || error != nil else { return nil }
            if error != nil {
                state.messages.removeAll()
                state.byteCount = 0
            }
            state.end = error.map { Result.failure($0) } ?? .success(())
            defer { state.reader = nil }
            return state.reader
        }
        if let error {
            reader?.resume(throwing: error)
        } else {
            reader?.resume(returning: nil)
        }
    }
}

/// Where a streaming call writes its messages, for one writer.
package struct RPCWriter: Sendable {
    let call: RPCCall

    /// Sends the headers of the answer ahead of the first message, which otherwise sends them
    /// without metadata.
    package func start(_ metadata: RPCMetadata = RPCMetadata()) { call.post(.headers(metadata)) }

    /// Queues a message and returns once more may be written: while a client does not read, at
    /// most a bounded number of bytes and one message wait for it. Throws `CancellationError` when
    /// the call is over.
    package func write(_ message: FramedMessage) async throws {
        try await withCheckedThrowingContinuation { continuation in
            call.post(.message(message, continuation))
        }
    }
}
