internal import NIOCore
internal import NIOHTTP2
package import NIOPosix
internal import NIOSSL
internal import Synchronization

/// A gRPC server: listens on one address and answers the methods of a table.
///
/// Bytes, frames and messages are handled on the event loops that it is given; where handlers run
/// is up to them.
package final class RPCServer: Sendable {
    private let listener: any Channel
    private let connections: Connections

    /// The bound port.
    package let port: Int

    /// Listens from here on. Throws what the system says when it cannot: `IOError` for an address
    /// in use, `SocketAddressError` for an unknown host.
    package static func start(
        _ configuration: RPCServerConfiguration, methods: RPCMethodTable,
        hooks: RPCHooks = RPCHooks(), on group: MultiThreadedEventLoopGroup
    ) async throws -> RPCServer {
        let connections = Connections(configuration, methods, hooks, group)
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try connections.add(channel) }
            }
            .bind(host: configuration.host, port: configuration.port).get()
        return RPCServer(
            listener, connections, port: listener.localAddress?.port ?? configuration.port)
    }

    private init(_ listener: any Channel, _ connections: Connections, port: Int) {
        self.listener = listener
        self.connections = connections
        self.port = port
    }

    /// Accepts no more connections and calls; open calls may end. Returns when all connections are
    /// closed, which `abort` may bring about.
    package func drain() async {
        try? await listener.close()
        connections.end { $0.drain() }
        await connections.allClosed()
    }

    /// Accepts no more connections and cancels what is open, soon.
    package func abort() {
        listener.close(promise: nil)
        connections.end { $0.close() }
    }

    /// The same; returns when all connections are closed.
    package func close() async {
        abort()
        await connections.allClosed()
    }
}

/// The open connections of a server.
private final class Connections: Sendable {
    private struct State {
        var outboxes: [ObjectIdentifier: Outbox] = [:]
        var isEnding = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let configuration: RPCServerConfiguration
    private let methods: RPCMethodTable
    private let hooks: RPCHooks
    private let executors: [ObjectIdentifier: EventLoopExecutor]
    private let unsent: UnsentAnswers
    private let state = Mutex(State())

    init(
        _ configuration: RPCServerConfiguration, _ methods: RPCMethodTable, _ hooks: RPCHooks,
        _ group: MultiThreadedEventLoopGroup
    ) {
        self.configuration = configuration
        self.methods = methods
        self.hooks = hooks
        unsent = UnsentAnswers(byteCountMax: configuration.allUnsentBytesMax)
        executors = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map {
                (ObjectIdentifier($0), EventLoopExecutor($0))
            })
    }

    /// On the channel's event loop. A connection too many is closed.
    func add(_ channel: any Channel) throws {
        let outbox = Outbox(eventLoop: channel.eventLoop)
        let key = ObjectIdentifier(outbox)
        let isWelcome = state.withLock { state in
            guard !state.isEnding, state.outboxes.count < configuration.connectionsMax else {
                return false
            }
            state.outboxes[key] = outbox
            return true
        }
        guard isWelcome else { throw ChannelError.eof }
        let connection = RPCConnection(
            configuration: configuration, methods: methods, hooks: hooks,
            executor: executors[ObjectIdentifier(channel.eventLoop)]
                ?? EventLoopExecutor(channel.eventLoop),
            outbox: outbox, unsent: unsent, onClosed: { [weak self] in self?.remove(key) })
        do {
            if let tls = configuration.tls {
                try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls()))
            }
            try connection.addHandlers(to: channel)
        } catch {
            remove(key)
            throw error
        }
    }

    private func remove(_ key: ObjectIdentifier) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.outboxes[key] = nil
            guard state.isEnding, state.outboxes.isEmpty else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Takes no more connections, and runs `body` with those that are open.
    func end(_ body: @escaping @Sendable (RPCConnection) -> Void) {
        let open = state.withLock { state in
            state.isEnding = true
            return state.outboxes.values.map(\.self)
        }
        for outbox in open { outbox.withConnection(body) }
    }

    func allClosed() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                guard !state.outboxes.isEmpty else { return true }
                state.waiters.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }
}

extension RPCConnection {
    /// The pipeline of a connection: writes to the socket, HTTP/2, and behind it the calls.
    func addHandlers(to channel: any Channel) throws {
        var settings = NIOHTTP2Handler.ConnectionConfiguration()
        settings.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: configuration.streamsMax),
            HTTP2Setting(parameter: .maxHeaderListSize, value: configuration.headerBytesMax),
            HTTP2Setting(parameter: .initialWindowSize, value: configuration.streamWindowBytes),
        ]
        // Clients in Go ping after each answer to measure the line. A flood is still cut off.
        settings.controlFrameRateLimit.maximumCount = 1_000
        settings.controlFrameRateLimit.windowLength = .milliseconds(100)
        // Calls that are answered early are reset, and their messages still come in for a while.
        settings.maximumRecentlyResetStreams = 256
        settings.maximumConnectionGlitches = 10_000
        var streams = NIOHTTP2Handler.StreamConfiguration()
        // Each call that a client takes back, or that runs out of time, is one reset.
        streams.streamResetFrameRateLimit.maximumCount = 2_000
        streams.streamResetFrameRateLimit.windowLength = .seconds(10)
        let http2 = NIOHTTP2Handler(
            mode: .server, frameDelegate: WrittenFrames(connection: self),
            connectionConfiguration: settings, streamConfiguration: streams)
        try channel.pipeline.syncOperations.addHandlers(WriteCoalescer(), http2, self)
    }
}
