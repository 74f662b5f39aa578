internal import NIOCore
internal import NIOHTTP2
internal import Synchronization

/// Bounds the answers that wait in memory until their clients read them, over all connections of a
/// server. Small ones are not counted: their number is bounded by that of the streams.
final class UnsentAnswers: Sendable {
    /// Smaller answers are free of the counting, which would cost each call a promise.
    static let byteCountMin = 16 << 10

    private let byteCountMax: Int
    private let byteCount = Atomic(0)

    init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

    /// False: there is no room for so many more.
    func reserve(_ count: Int) -> Bool {
        let total = byteCount.wrappingAdd(count, ordering: .relaxed).newValue
        // One answer has room whatever its size.
        if total <= byteCountMax || total == count { return true }
        release(count)
        return false
    }

    func release(_ count: Int) { byteCount.wrappingSubtract(count, ordering: .relaxed) }
}

/// What a connection has not got rid of yet.
struct UnsentOfConnection {
    var byteCount = 0
    /// Frames of answers that went to the socket.
    var frameCount: UInt64 = 0
    var timer: Scheduled<Void>?
}

/// Answers that wait for their client.
///
/// Windows are the client's to open, so whoever leaves them shut could otherwise keep as many answers
/// in memory as there may be streams.
extension RPCConnection {
    /// Writes the frame of a message. When too much waits already, the call ends with
    /// `resourceExhausted` and this is false.
    func writeMessage(
        _ frame: ByteBuffer, of stream: RPCStream, promise: EventLoopPromise<Void>? = nil
    ) -> Bool {
        let byteCount = frame.readableBytes
        let payload = HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(frame)))
        guard byteCount >= UnsentAnswers.byteCountMin, let context else {
            write(payload, on: stream.call.streamID, promise: promise)
            return true
        }
        guard unsent.byteCount <= configuration.unsentBytesMax, allUnsent.reserve(byteCount) else {
            promise?.fail(CancellationError())
            end(
                stream,
                with: RPCError(
                    .resourceExhausted,
                    "answers wait to be read: \(unsent.byteCount) bytes on this connection"))
            return false
        }
        unsent.byteCount += byteCount
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] _ in
            allUnsent.release(byteCount)
            unsent.byteCount -= byteCount
        }
        watchUnsent()
        write(payload, on: stream.call.streamID, promise: written)
        return true
    }

    /// Closes the connection of a client that takes nothing of its answers for a while.
    private func watchUnsent() {
        guard unsent.timer == nil else { return }
        let before = headway
        unsent.timer = schedule(in: configuration.stallTimeout) { connection in
            connection.unsent.timer = nil
            guard connection.unsent.byteCount > 0 else { return }
            if connection.headway == before {
                connection.context?.close(promise: nil)
            } else {
                connection.watchUnsent()
            }
        }
    }

    /// Differs from what it was before if the client took something: windows let frames go, and the
    /// socket took bytes.
    private var headway: [UInt64] {
        let buffered = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)
        return [unsent.frameCount, UInt64(buffered ?? 0)]
    }
}
