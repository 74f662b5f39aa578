import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import Synchronization

/// An HTTP/2 client that sends exactly what a test says, and shows what comes back.
final class RPCClient: Sendable {
    /// What came on one stream.
    struct Answer: Sendable {
        var headers = HPACKHeaders()
        var trailers = HPACKHeaders()
        var bytes: [UInt8] = []
        var windowUpdates = 0
        var resetCode: HTTP2ErrorCode?
        var hasEnded = false

        /// `grpc-status`, wherever it stands.
        var status: Int? {
            (trailers.first(name: "grpc-status") ?? headers.first(name: "grpc-status"))
                .flatMap { Int($0) }
        }

        var statusMessage: String {
            trailers.first(name: "grpc-message") ?? headers.first(name: "grpc-message") ?? ""
        }

        var httpStatus: String? { headers.first(name: ":status") }

        /// The messages, without prefixes.
        var messages: [[UInt8]] {
            var messages: [[UInt8]] = []
            var rest = bytes[...]
            while rest.count >= 5 {
                let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
                messages.append(Array(rest.dropFirst(5).prefix(length)))
                rest = rest.dropFirst(5 + length)
            }
            return messages
        }
    }

    struct State: Sendable {
        var answers: [HTTP2StreamID: Answer] = [:]
        var goAways: [(lastStreamID: HTTP2StreamID, code: HTTP2ErrorCode)] = []
        var isClosed = false
    }

    let channel: any Channel
    let inbox: Inbox
    private let nextStreamID = Atomic<Int>(1)

    /// `windowBytes` is what the server may send on each stream; it is never filled up again.
    static func connect(
        to port: Int, windowBytes: Int = 1 << 24, tls: NIOSSLContext? = nil
    ) async throws -> RPCClient {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
                    }
                    let http2 = NIOHTTP2Handler(
                        mode: .client,
                        initialSettings: [
                            HTTP2Setting(parameter: .initialWindowSize, value: windowBytes)
                        ])
                    try channel.pipeline.syncOperations.addHandlers(http2, InboxHandler(inbox))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return RPCClient(channel, inbox)
    }

    private init(_ channel: any Channel, _ inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    /// One call to its end. Headers and messages leave together, so that the server sees all of
    /// the call at once, whatever its deadline.
    func call(
        _ path: String, _ messages: [[UInt8]] = [[]], method: String = "POST",
        contentType: String = "application/grpc", te: String? = "trailers",
        fields: [(String, String)] = []
    ) async throws -> Answer {
        let stream = try await begin(
            path, method: method, contentType: contentType, te: te, fields: fields, flush: false)
        try await send(messages.flatMap { Self.framed($0) }, on: stream, end: true)
        return await answer(stream)
    }

    func begin(
        _ path: String, method: String = "POST", contentType: String = "application/grpc",
        te: String? = "trailers", fields: [(String, String)] = [], end: Bool = false,
        flush: Bool = true
    ) async throws -> HTTP2StreamID {
        let number = nextStreamID.wrappingAdd(2, ordering: .relaxed).oldValue
        let stream = HTTP2StreamID(number)
        var headers: HPACKHeaders = [
            ":method": method, ":scheme": "http", ":path": path, ":authority": "localhost",
            "content-type": contentType,
        ]
        if let te { headers.add(name: "te", value: te) }
        for (name, value) in fields { headers.add(name: name, value: value) }
        let payload = HTTP2Frame.FramePayload.headers(.init(headers: headers, endStream: end))
        if flush {
            try await write(payload, on: stream)
        } else {
            channel.write(HTTP2Frame(streamID: stream, payload: payload), promise: nil)
        }
        return stream
    }

    func send(_ bytes: [UInt8], on stream: HTTP2StreamID, end: Bool) async throws {
        do {
            try await write(
                .data(.init(data: .byteBuffer(ByteBuffer(bytes: bytes)), endStream: end)),
                on: stream)
        } catch is NIOHTTP2Errors.StreamClosed {
            // The server has answered already.
        } catch is NIOHTTP2Errors.NoSuchStream {
            // The same, a little later.
        }
    }

    func write(_ payload: HTTP2Frame.FramePayload, on stream: HTTP2StreamID) async throws {
        try await channel.writeAndFlush(HTTP2Frame(streamID: stream, payload: payload)).get()
    }

    /// Waits for the end of the stream.
    func answer(_ stream: HTTP2StreamID) async -> Answer {
        await inbox.wait { state in
            let answer = state.answers[stream]
            if state.isClosed { return answer ?? Answer() }
            return answer?.hasEnded == true ? answer : nil
        }
    }

    func hasEnded(_ stream: HTTP2StreamID) -> Bool {
        inbox.state.answers[stream]?.hasEnded ?? false
    }

    func close() async throws { try await channel.close() }

    static func framed(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
        let length = UInt32(message.count)
        return [flag] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + message
    }
}

/// What has come in so far, to be waited for.
final class Inbox: Sendable {
    private struct Contents {
        var state = RPCClient.State()
        var waiters: [@Sendable (RPCClient.State) -> Bool] = []
    }

    private let contents = Mutex(Contents())

    var state: RPCClient.State { contents.withLock { $0.state } }

    func change(_ body: (inout RPCClient.State) -> Void) {
        contents.withLock { contents in
            body(&contents.state)
            let state = contents.state
            contents.waiters.removeAll { $0(state) }
        }
    }

    /// The first value that `condition` finds.
    @discardableResult
    func wait<Value: Sendable>(
        until condition: @escaping @Sendable (RPCClient.State) -> Value?
    ) async -> Value {
        await withCheckedContinuation { continuation in
            contents.withLock { contents in
                let waiter: @Sendable (RPCClient.State) -> Bool = { state in
                    guard let value = condition(state) else { return false }
                    continuation.resume(returning: value)
                    return true
                }
                if !waiter(contents.state) { contents.waiters.append(waiter) }
            }
        }
    }
}

private final class InboxHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let inbox: Inbox

    init(_ inbox: Inbox) { self.inbox = inbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        inbox.change { state in
            switch frame.payload {
            case .headers(let headers):
                if state.answers[frame.streamID]?.headers.isEmpty == false {
                    state.answers[frame.streamID, default: .init()].trailers = headers.headers
                } else {
                    state.answers[frame.streamID, default: .init()].headers = headers.headers
                }
                if headers.endStream {
                    state.answers[frame.streamID, default: .init()].hasEnded = true
                }
            case .data(let data):
                if case .byteBuffer(let bytes) = data.data {
                    state.answers[frame.streamID, default: .init()].bytes += bytes.readableBytesView
                }
                if data.endStream {
                    state.answers[frame.streamID, default: .init()].hasEnded = true
                }
            case .rstStream(let code):
                state.answers[frame.streamID, default: .init()].resetCode = code
                state.answers[frame.streamID, default: .init()].hasEnded = true
            case .windowUpdate:
                state.answers[frame.streamID, default: .init()].windowUpdates += 1
            case .goAway(let lastStreamID, let code, _):
                state.goAways.append((lastStreamID, code))
            default: break
            }
        }
    }

    /// Streams alone limit what the server sends.
    func channelActive(context: ChannelHandlerContext) {
        let payload = HTTP2Frame.FramePayload.windowUpdate(windowSizeIncrement: 1 << 30)
        context.writeAndFlush(
            wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: payload)), promise: nil)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        inbox.change { $0.isClosed = true }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !(error is NIOHTTP2Errors.StreamError) { context.close(promise: nil) }
    }
}
