internal import NIOHTTP2

/// How much clients may send.
///
/// The connection's window is filled up as bytes come in, so that no call holds up another. That
/// of a stream too, except while the handler of a streaming call leaves messages unread: what one
/// call keeps in memory is its window and one message at most.
extension RPCConnection {
    func openConnectionWindow() {
        let increment = configuration.connectionWindowBytes - 65_535
        if increment > 0 { write(.windowUpdate(windowSizeIncrement: increment), on: .rootStream) }
    }

    func windowChanged(_ event: NIOHTTP2WindowUpdatedEvent) {
        guard let window = event.inboundWindowSize else { return }
        if event.streamID == .rootStream {
            fill(.rootStream, window, upTo: configuration.connectionWindowBytes)
        } else if let stream = streams[event.streamID], window != stream.inboundWindow {
            stream.inboundWindow = window
            fill(stream)
        }
    }

    func resumeReading(_ stream: RPCStream) {
        stream.isHeld = false
        fill(stream)
    }

    private func fill(_ stream: RPCStream) {
        guard !stream.isHeld, !stream.isAnswered, !stream.isRequestEnded else { return }
        fill(stream.call.streamID, stream.inboundWindow, upTo: configuration.streamWindowBytes)
    }

    /// One frame for every half window.
    private func fill(_ streamID: HTTP2StreamID, _ window: Int, upTo target: Int) {
        guard window <= target / 2 else { return }
        write(.windowUpdate(windowSizeIncrement: target - window), on: streamID)
    }
}
