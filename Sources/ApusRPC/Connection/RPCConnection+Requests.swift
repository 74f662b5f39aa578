internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// Frames in, calls started.
extension RPCConnection {
    func receive(_ headers: HTTP2Frame.FramePayload.Headers, on streamID: HTTP2StreamID) {
        if let stream = streams[streamID] {
            // A client may end its messages with trailers; they say nothing more.
            if headers.endStream { endRequest(of: stream) }
            return
        }
        lastStreamID = max(lastStreamID, streamID)
        do throws(RequestHead.Refusal) {
            let head = try RequestHead(headers.headers)
            guard let method = methods.find(head.path) else {
                throw .rpc(RPCError(.unimplemented, "there is no method \(head.path)"))
            }
            start(
                method, head, RPCMetadata(headers.headers), on: streamID,
                isRequestEnded: headers.endStream)
        } catch {
            refuse(streamID, error, isRequestEnded: headers.endStream)
        }
    }

    private func start(
        _ method: RPCMethod, _ head: RequestHead, _ metadata: RPCMetadata,
        on streamID: HTTP2StreamID, isRequestEnded: Bool
    ) {
        let now = NIODeadline.now()
        let deadline = head.timeout.map { now + $0 }
        let call = RPCCall(
            method: method, metadata: metadata, start: now, deadline: deadline,
            executor: executor, peer: peer, around: hooks.around, streamID: streamID,
            outbox: outbox)
        let stream = RPCStream(
            call: call,
            reader: MessageReader(
                messageBytesMax: configuration.requestBytesMax, encoding: head.encoding),
            answerEncoding: head.answerEncoding, inboundWindow: configuration.streamWindowBytes)
        streams[streamID] = stream
        streamCountChanged()
        if let deadline { watch(deadline) }
        if let admit = hooks.admit {
            do throws(RPCError) {
                try admit(call)
            } catch {
                stream.isRequestEnded = isRequestEnded
                end(stream, with: error)
                return
            }
        }
        if case .streaming(let body) = method.handler { begin(stream, body) }
        if isRequestEnded { endRequest(of: stream) }
    }

    private func begin(
        _ stream: RPCStream,
        _ body: @escaping @Sendable (RPCRequests, RPCWriter, RPCCall) async throws -> RPCMetadata
    ) {
        let call = stream.call
        let requests = RPCRequests(lowWatermark: configuration.streamWindowBytes / 4) {
            call.post(.resumeReading)
        }
        stream.requests = requests
        call.run { .trailers(try await body(requests, RPCWriter(call: call), call)) }
    }

    func receive(_ data: HTTP2Frame.FramePayload.Data, on streamID: HTTP2StreamID) {
        // What comes for a call that was answered early is dropped.
        guard let stream = streams[streamID], !stream.isAnswered else { return }
        if case .byteBuffer(let bytes) = data.data, bytes.readableBytes > 0 {
            stream.reader.append(bytes)
            do throws(RPCError) {
                while let message = try stream.reader.next() { try take(message, for: stream) }
            } catch {
                stream.isRequestEnded = data.endStream
                end(stream, with: error)
                return
            }
        }
        if data.endStream { endRequest(of: stream) }
    }

    private func take(_ message: ByteBuffer, for stream: RPCStream) throws(RPCError) {
        if let requests = stream.requests {
            if requests.push(message) > configuration.streamWindowBytes / 2 {
                stream.isHeld = true
            }
        } else if stream.request == nil {
            stream.request = message
        } else {
            throw RPCError(
                .unimplemented,
                "\(stream.call.method.path) takes one message, and there is a second")
        }
    }

    private func endRequest(of stream: RPCStream) {
        stream.isRequestEnded = true
        guard !stream.isAnswered else { return }
        guard !stream.reader.isInMessage else {
            end(
                stream,
                with: RPCError(.internalError, "the request ends in the middle of a message"))
            return
        }
        switch stream.call.method.handler {
        case .streaming: stream.requests?.finish()
        case .unary(let handler):
            guard let request = stream.request else {
                end(
                    stream,
                    with: RPCError(
                        .unimplemented,
                        "\(stream.call.method.path) takes one message, and there is none"))
                return
            }
            stream.request = nil
            handler(request, stream.call)
        }
    }
}
