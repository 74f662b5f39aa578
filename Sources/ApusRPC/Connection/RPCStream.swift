internal import NIOCore
internal import NIOHTTP2

/// What a connection keeps of one of its streams. Touched on the event loop only.
final class RPCStream {
    let call: RPCCall
    var reader: MessageReader
    /// How answers are compressed: as the request was, if the client takes that.
    let answerEncoding: MessageEncoding

    /// The one message of a unary call, until its end comes.
    var request: ByteBuffer?
    /// The messages of a streaming call.
    var requests: RPCRequests?
    /// The client sends no more.
    var isRequestEnded = false
    /// The reader of `requests` stands still: no more window for the client.
    var isHeld = false
    /// What the client may still send, as far as known.
    var inboundWindow: Int

    var areHeadersSent = false
    /// Trailers are on their way: whatever comes from the handler now goes nowhere.
    var isAnswered = false
    /// Bytes of messages that did not reach the socket yet.
    var unsentByteCount = 0
    /// A writer that waits for `unsentByteCount` to fall.
    var writer: CheckedContinuation<Void, any Error>?

    init(
        call: RPCCall, reader: MessageReader, answerEncoding: MessageEncoding, inboundWindow: Int
    ) {
        self.call = call
        self.reader = reader
        self.answerEncoding = answerEncoding
        self.inboundWindow = inboundWindow
    }

    /// Nobody waits for the call's answer any more, or the answer is an error of the transport:
    /// the handler is told, on each of the ways on which it may wait.
    func abandon(_ error: any Error) {
        requests?.finish(throwing: error)
        writer?.resume(throwing: CancellationError())
        writer = nil
        call.cancel()
    }
}
