internal import NIOCore
internal import NIOHTTP2

/// Deadlines, pings, and the orderly end of a connection.
extension RPCConnection {
    struct Lifecycle {
        enum Phase {
            /// Nothing has come from the client yet.
            case opening
            case open
            /// The client was told that the connection ends; calls that it had sent before it
            /// knew still come in.
            case draining
            /// The client knows. The connection closes with its last call.
            case closing
            case closed
        }

        var phase = Phase.opening
        /// When the earliest deadline of the open calls is looked at.
        var nextDeadline: NIODeadline?
        var deadlineTimer: Scheduled<Void>?
        /// The handshake's limit first, then the pings' clock.
        var aliveTimer: Scheduled<Void>?
        var drainTimer: Scheduled<Void>?
        /// Answers that the loop is woken for at once, and the clock that looks for fewer.
        var bunchCount = 1
        var bunchTimer: Scheduled<Void>?
        /// Frames came since the clock last struck.
        var isActive = false
        var lastPing: NIODeadline?
        var pingStrikes = 0
    }

    private static let keepalivePing = HTTP2PingData(withInteger: 0x6170_7573_616C_6976)
    private static let drainPing = HTTP2PingData(withInteger: 0x6170_7573_6472_6169)

    func begin(_ context: ChannelHandlerContext) {
        openConnectionWindow()
        lifecycle.aliveTimer = schedule(in: configuration.handshakeTimeout) {
            if $0.lifecycle.phase == .opening { $0.context?.close(promise: nil) }
        }
    }

    func noteActivity() {
        lifecycle.isActive = true
        guard lifecycle.phase == .opening else { return }
        lifecycle.phase = .open
        lifecycle.aliveTimer?.cancel()
        startKeepalive()
    }

    func stopTimers() {
        lifecycle.phase = .closed
        lifecycle.deadlineTimer?.cancel()
        lifecycle.aliveTimer?.cancel()
        lifecycle.drainTimer?.cancel()
        lifecycle.bunchTimer?.cancel()
        unsent.timer?.cancel()
    }

    func schedule(
        in delay: TimeAmount, _ body: @escaping (RPCConnection) -> Void
    ) -> Scheduled<Void> {
        outbox.eventLoop.assumeIsolated().scheduleTask(in: delay) { body(self) }
    }
}

/// Deadlines: one timer for a connection, set for the earliest one. A timer for each call would
/// cost every call an entry in the loop's queue, and hardly any is ever needed.
extension RPCConnection {
    func watch(_ deadline: NIODeadline) {
        if let next = lifecycle.nextDeadline, next <= deadline { return }
        lifecycle.nextDeadline = deadline
        lifecycle.deadlineTimer?.cancel()
        lifecycle.deadlineTimer = outbox.eventLoop.assumeIsolated()
            .scheduleTask(deadline: deadline) { [self] in endOverdueCalls() }
    }

    private func endOverdueCalls() {
        lifecycle.nextDeadline = nil
        lifecycle.deadlineTimer = nil
        let now = NIODeadline.now()
        var next: NIODeadline?
        for stream in Array(streams.values) where !stream.isAnswered {
            guard let deadline = stream.call.deadline else { continue }
            if deadline <= now {
                end(stream, with: RPCError(.deadlineExceeded, "the deadline of the call passed"))
            } else {
                next = min(next ?? deadline, deadline)
            }
        }
        if let next { watch(next) }
    }
}

/// Answers in bunches: each time that the loop is woken, a search thread is interrupted and both find
/// their caches cold, and the client for each piece that it gets.
extension RPCConnection {
    /// One part in so many of the open calls makes a bunch: an answer waits for a small part of the
    /// time that its call has been waiting anyway, and a few calls do not wait for each other at all.
    private static let bunchShare = 4
    /// Answers that are no bunch wait no longer than this.
    private static let bunchWait = TimeAmount.milliseconds(2)

    func streamCountChanged() {
        let count = max(1, streams.count / Self.bunchShare)
        guard count != lifecycle.bunchCount else { return }
        lifecycle.bunchCount = count
        outbox.wake(forEach: count)
        if count > 1, lifecycle.bunchTimer == nil { startBunchTimer() }
    }

    /// Runs for as long as there are bunches, and once more.
    private func startBunchTimer() {
        lifecycle.bunchTimer = schedule(in: Self.bunchWait) { connection in
            connection.lifecycle.bunchTimer = nil
            if connection.lifecycle.bunchCount > 1 { connection.startBunchTimer() }
            connection.outbox.pickUp()
        }
    }
}

/// Pings, ours and the client's.
extension RPCConnection {
    /// Asks a client that has been silent for an interval whether it is there, and closes the
    /// connection if it does not answer in time.
    private func startKeepalive() {
        lifecycle.isActive = false
        lifecycle.aliveTimer = schedule(in: configuration.keepaliveInterval) { connection in
            if connection.lifecycle.isActive {
                connection.startKeepalive()
            } else {
                connection.askWhetherAlive()
            }
        }
    }

    private func askWhetherAlive() {
        write(.ping(Self.keepalivePing, ack: false), on: .rootStream)
        lifecycle.aliveTimer = schedule(in: configuration.keepaliveTimeout) { connection in
            if connection.lifecycle.isActive {
                connection.startKeepalive()
            } else {
                connection.context?.close(promise: nil)
            }
        }
    }

    /// The HTTP/2 handler answers. Here clients are refused that ping and do nothing else
    /// (grpc/proposal, A8 and A9): pings are free as long as answers go out between them.
    func receivePing() {
        let now = NIODeadline.now()
        defer { lifecycle.lastPing = now }
        guard let last = lifecycle.lastPing, now - last < configuration.pingIntervalMin else {
            return
        }
        lifecycle.pingStrikes += 1
        guard lifecycle.pingStrikes > configuration.pingStrikesMax else { return }
        let payload = HTTP2Frame.FramePayload.goAway(
            lastStreamID: lastStreamID, errorCode: .enhanceYourCalm,
            opaqueData: ByteBuffer(string: "too_many_pings"))
        closeAfterWriting(payload)
    }

    func resetAttentionToPings() {
        lifecycle.pingStrikes = 0
        lifecycle.lastPing = nil
    }

    func receivePingAnswer(_ data: HTTP2PingData) {
        if data == Self.drainPing { finishDraining() }
    }
}

/// The orderly end (RFC 9113, 6.8): a first GOAWAY that refuses nothing and a ping behind it; once
/// the ping is answered the client knows, no call of it is under way, and the second GOAWAY names
/// the last call that is served.
extension RPCConnection {
    func drain() {
        switch lifecycle.phase {
        case .opening: context?.close(promise: nil)
        case .open:
            lifecycle.phase = .draining
            write(
                .goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil),
                on: .rootStream)
            write(.ping(Self.drainPing, ack: false), on: .rootStream)
            lifecycle.drainTimer = schedule(in: configuration.drainPingTimeout) {
                $0.finishDraining()
            }
        case .draining, .closing, .closed: break
        }
    }

    private func finishDraining() {
        guard lifecycle.phase == .draining else { return }
        lifecycle.phase = .closing
        lifecycle.drainTimer?.cancel()
        if streams.isEmpty {
            closeIfDone()
        } else {
            write(
                .goAway(lastStreamID: lastStreamID, errorCode: .noError, opaqueData: nil),
                on: .rootStream)
        }
    }

    func closeIfDone() {
        guard lifecycle.phase == .closing, streams.isEmpty else { return }
        closeAfterWriting(
            .goAway(lastStreamID: lastStreamID, errorCode: .noError, opaqueData: nil))
    }

    /// What was written before goes out too.
    private func closeAfterWriting(_ payload: HTTP2Frame.FramePayload) {
        guard let context, lifecycle.phase != .closed else { return }
        stopTimers()
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            self.context?.close(promise: nil)
        }
        write(payload, on: .rootStream, promise: promise)
    }

    /// Closes at once; open calls are cancelled.
    func close() { context?.close(promise: nil) }
}
