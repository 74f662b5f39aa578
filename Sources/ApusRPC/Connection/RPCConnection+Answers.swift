internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// What calls answer, and how they end.
extension RPCConnection {
    private static let contentType = "application/grpc"
    private static let headers: HPACKHeaders = [":status": "200", "content-type": contentType]
    private static let okTrailers: HPACKHeaders = ["grpc-status": "0"]
    /// A streaming call waits with the next message while this many bytes wait for the socket.
    private static let unsentBytesMax = 64 << 10

    func perform(_ action: CallAction, for streamID: HTTP2StreamID) {
        guard let stream = streams[streamID], !stream.isAnswered else {
            action.reject()
            return
        }
        switch action {
        case .answer(let message, let metadata): answer(stream, message, metadata)
        case .failure(let error): end(stream, with: error)
        case .headers(let metadata): writeHeaders(of: stream, metadata)
        case .message(let message, let continuation): write(message, of: stream, continuation)
        case .finish(let trailers): finish(stream, trailers)
        case .resumeReading: resumeReading(stream)
        }
    }

    private func answer(
        _ stream: RPCStream, _ message: FramedMessage, _ metadata: RPCMetadata
    ) {
        guard let frame = outgoing(message, of: stream) else { return }
        writeHeaders(of: stream, metadata)
        guard writeMessage(frame, of: stream) else { return }
        finish(stream, RPCMetadata())
    }

    private func finish(_ stream: RPCStream, _ trailers: RPCMetadata) {
        writeHeaders(of: stream, RPCMetadata())
        var fields = Self.okTrailers
        if !trailers.isEmpty { fields.add(contentsOf: trailers.headers) }
        writeTrailers(fields, of: stream, .ok)
    }

    private func write(
        _ message: FramedMessage, of stream: RPCStream,
        _ continuation: CheckedContinuation<Void, any Error>
    ) {
        guard let context, let frame = outgoing(message, of: stream) else {
            continuation.resume(throwing: CancellationError())
            return
        }
        writeHeaders(of: stream, RPCMetadata())
        // Clients ping while answers come in, to learn how wide the way is.
        resetAttentionToPings()
        let byteCount = frame.readableBytes
        stream.unsentByteCount += byteCount
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in
            stream.unsentByteCount -= byteCount
            if stream.unsentByteCount < Self.unsentBytesMax, let writer = stream.writer {
                stream.writer = nil
                writer.resume()
            }
        }
        guard writeMessage(frame, of: stream, promise: promise) else {
            continuation.resume(throwing: CancellationError())
            return
        }
        if stream.unsentByteCount < Self.unsentBytesMax {
            continuation.resume()
        } else if stream.writer == nil {
            stream.writer = continuation
        } else {
            continuation.resume(
                throwing: RPCError(.internalError, "two writers write to one stream of messages"))
        }
    }

    /// The message as it goes out; nil, and the call has ended, if it is too large.
    private func outgoing(_ message: FramedMessage, of stream: RPCStream) -> ByteBuffer? {
        guard message.byteCount <= configuration.answerBytesMax else {
            end(
                stream,
                with: RPCError(
                    .resourceExhausted,
                    "the answer of \(message.byteCount) bytes is larger than allowed"
                        + " (limit: \(configuration.answerBytesMax))"))
            return nil
        }
        guard stream.answerEncoding != .identity,
            message.byteCount >= MessageEncoding.compressedByteCountMin,
            let compressed = Zlib.compress(message.message, stream.answerEncoding)
        else { return message.frame }
        return FramedMessage(compressed, isCompressed: true).frame
    }

    /// Writes the headers, once.
    private func writeHeaders(of stream: RPCStream, _ metadata: RPCMetadata) {
        guard !stream.areHeadersSent else { return }
        stream.areHeadersSent = true
        var fields = Self.headers
        if stream.answerEncoding != .identity {
            fields.add(name: "grpc-encoding", value: stream.answerEncoding.rawValue)
        }
        if !metadata.isEmpty { fields.add(contentsOf: metadata.headers) }
        write(.headers(.init(headers: fields)), on: stream.call.streamID)
    }

    /// Ends a call with an error of its handler or of the transport, which then tells the handler.
    func end(_ stream: RPCStream, with error: RPCError) {
        guard !stream.isAnswered else { return }
        stream.isAnswered = true
        if !stream.call.hasEnded { stream.abandon(error) }
        var fields = stream.areHeadersSent ? HPACKHeaders() : Self.headers
        fields.add(error)
        writeTrailers(fields, of: stream, error.code)
    }

    private func writeTrailers(
        _ fields: HPACKHeaders, of stream: RPCStream, _ code: RPCStatusCode
    ) {
        stream.isAnswered = true
        resetAttentionToPings()
        writeLast(fields, on: stream.call.streamID, isRequestEnded: stream.isRequestEnded)
        // A streaming handler may have ended before its client did.
        stream.requests?.finish(throwing: CancellationError())
        hooks.finished?(stream.call, code)
    }

    /// Refuses a request that never became a call.
    func refuse(_ streamID: HTTP2StreamID, _ refusal: RequestHead.Refusal, isRequestEnded: Bool) {
        var fields = Self.headers
        switch refusal {
        case .http(let status):
            fields = [":status": status]
            if status == "405" { fields.add(name: "allow", value: "POST") }
        case .rpc(let error): fields.add(error)
        case .encoding(let error):
            fields.add(name: "grpc-accept-encoding", value: MessageEncoding.accepted)
            fields.add(error)
        }
        writeLast(fields, on: streamID, isRequestEnded: isRequestEnded)
    }

    /// Headers that end the stream. A client that is still sending is told to stop, once they are
    /// out (RFC 9113, 8.1).
    private func writeLast(_ fields: HPACKHeaders, on streamID: HTTP2StreamID, isRequestEnded: Bool)
    {
        let payload = HTTP2Frame.FramePayload.headers(.init(headers: fields, endStream: true))
        guard !isRequestEnded, let context else {
            write(payload, on: streamID)
            return
        }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { [self] in
            reset(streamID, .noError)
        }
        write(payload, on: streamID, promise: promise)
    }

    /// The stream is gone, in whichever way.
    func streamClosed(_ streamID: HTTP2StreamID) {
        guard let stream = streams.removeValue(forKey: streamID) else { return }
        streamCountChanged()
        if !stream.isAnswered { abandon(stream) }
        closeIfDone()
    }

    /// Nobody waits for the answer.
    func abandon(_ stream: RPCStream) {
        guard !stream.isAnswered else {
            stream.writer?.resume(throwing: CancellationError())
            stream.writer = nil
            return
        }
        stream.isAnswered = true
        stream.abandon(CancellationError())
        hooks.finished?(stream.call, .cancelled)
    }
}

extension HPACKHeaders {
    fileprivate mutating func add(_ error: RPCError) {
        add(name: "grpc-status", value: String(error.code.rawValue))
        if !error.message.isEmpty {
            add(
                name: "grpc-message", value: StatusMessage.encode(error.message),
                indexing: .nonIndexable)
        }
    }
}
