internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import NIOTLS

/// One HTTP/2 connection: turns frames into calls and answers into frames.
///
/// It sits right behind `NIOHTTP2Handler`, which speaks HTTP/2 (frames, header compression,
/// windows, the rules of streams), and looks after all streams itself, without a channel for each:
/// that halved what a call costs. Everything here runs on the connection's event loop; handlers
/// on other threads come in through the `Outbox`.
///
/// - This file: the connection's events.
/// - `RPCConnection+Requests`: frames in, calls started.
/// - `RPCConnection+Answers`: what calls answer, and how they end.
/// - `RPCConnection+Windows`: how much clients may send.
/// - `UnsentAnswers`: how much may wait for clients to read it.
/// - `RPCConnection+Lifecycle`: deadlines, pings, the orderly end.
final class RPCConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    let configuration: RPCServerConfiguration
    let methods: RPCMethodTable
    let hooks: RPCHooks
    let executor: EventLoopExecutor
    let outbox: Outbox
    /// Of all connections.
    let allUnsent: UnsentAnswers
    /// Called once, when the channel is closed and done.
    private let onClosed: @Sendable () -> Void

    var context: ChannelHandlerContext?
    /// The client's address.
    private(set) var peer: String?
    var streams: [HTTP2StreamID: RPCStream] = [:]
    var lastStreamID = HTTP2StreamID.rootStream
    var lifecycle = Lifecycle()
    var unsent = UnsentOfConnection()
    private var isReading = false
    private var isFlushScheduled = false
    private var isReadHeld = false
    /// The HTTP/2 handler has just reset a stream by itself; see `errorCaught`.
    private var hasResetStream = false
    private var isResettingStream = false

    init(
        configuration: RPCServerConfiguration, methods: RPCMethodTable, hooks: RPCHooks,
        executor: EventLoopExecutor, outbox: Outbox, unsent: UnsentAnswers,
        onClosed: @escaping @Sendable () -> Void
    ) {
        self.configuration = configuration
        self.methods = methods
        self.hooks = hooks
        self.executor = executor
        self.outbox = outbox
        allUnsent = unsent
        self.onClosed = onClosed
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        peer = context.remoteAddress?.ipAddress
        outbox.connect(self)
        if context.channel.isActive { begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        outbox.connect(nil)
        self.context = nil
        onClosed()
    }

    func channelActive(context: ChannelHandlerContext) {
        peer = context.remoteAddress?.ipAddress
        begin(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        outbox.connect(nil)
        stopTimers()
        let open = streams
        streams = [:]
        for stream in open.values { abandon(stream) }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        let frame = unwrapInboundIn(data)
        noteActivity()
        switch frame.payload {
        case .headers(let headers): receive(headers, on: frame.streamID)
        case .data(let data): receive(data, on: frame.streamID)
        case .ping(let data, let isAnswer):
            if isAnswer { receivePingAnswer(data) } else { receivePing() }
        case .priority, .rstStream, .settings, .pushPromise, .goAway, .windowUpdate,
            .alternativeService, .origin:
            // Of these the HTTP/2 handler takes care; a reset comes as the stream's end.
            break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // What waits for company leaves in the same flush.
        outbox.pickUp()
        isReading = false
        context.flush()
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as NIOHTTP2WindowUpdatedEvent: windowChanged(event)
        case let event as StreamClosedEvent: streamClosed(event.streamID)
        case let event as TLSUserEvent:
            if case .handshakeCompleted(let negotiated) = event, negotiated != "h2" {
                context.close(promise: nil)
            }
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// A client that does not read its answers does not get to ask more: what waits for the
    /// socket stays within the watermark of the channel and the answers of the open streams.
    func read(context: ChannelHandlerContext) {
        if context.channel.isWritable { context.read() } else { isReadHeld = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, isReadHeld {
            isReadHeld = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    /// The HTTP/2 handler reports errors of one stream and of the whole connection alike. For
    /// those of a stream it has just written a reset; anything else ends the connection.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is NIOHTTP2Errors.StreamError || hasResetStream {
            hasResetStream = false
        } else {
            context.close(promise: nil)
        }
    }

    /// Told of every frame that leaves.
    func noteWritten(_ frame: HTTP2Frame) {
        switch frame.payload {
        case .rstStream: hasResetStream = !isResettingStream
        case .data: unsent.frameCount &+= 1
        default: break
        }
    }

    /// Ends a stream at once; one that has ended already stays as it is.
    func reset(_ streamID: HTTP2StreamID, _ code: HTTP2ErrorCode) {
        isResettingStream = true
        write(.rstStream(code), on: streamID)
        isResettingStream = false
    }

    func write(
        _ payload: HTTP2Frame.FramePayload, on streamID: HTTP2StreamID,
        promise: EventLoopPromise<Void>? = nil
    ) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(
            wrapOutboundOut(HTTP2Frame(streamID: streamID, payload: payload)), promise: promise)
        scheduleFlush()
    }

    /// What is written in one turn of the loop leaves together.
    private func scheduleFlush() {
        guard !isReading, !isFlushScheduled else { return }
        isFlushScheduled = true
        outbox.eventLoop.assumeIsolated().execute { [self] in
            isFlushScheduled = false
            context?.flush()
        }
    }
}

/// Tells a connection what its HTTP/2 handler writes.
struct WrittenFrames: NIOHTTP2FrameDelegate {
    let connection: RPCConnection

    func wroteFrame(_ frame: HTTP2Frame) { connection.noteWritten(frame) }
}
