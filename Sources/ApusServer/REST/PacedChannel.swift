import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// A connection of the REST door on which requests and answers make headway, or which is closed.
///
/// The idle timeout ends connections that are silent. Whoever sends or fetches a byte now and then is
/// never silent, and could hold connections and answers for ever.
struct PacedChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let period: TimeAmount

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(PaceHandler(period: period), position: .after(decoder))
            return value
        }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

/// Looks once in a period whether `byteCountMin` bytes came of the request that is coming in, and went
/// of the answer that is going out. A connection that does neither has no timer.
private final class PaceHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Some 200 bytes in a second, with the usual timeout.
    private static let byteCountMin = 16 << 10

    /// How far things are; two of them tell what a period brought.
    private struct Mark {
        /// Requests that have begun.
        var requestCount = 0
        var isReceiving = false
        var receivedByteCount = 0
        var writtenByteCount = 0
        /// Of these, bytes that wait for the client.
        var unsentByteCount = 0
        /// The server took what there was: it is not the one who is slow.
        var isHungry = false
    }

    private let period: TimeAmount
    private var now = Mark()
    private var last: Mark?
    private var timer: Scheduled<Void>?

    init(period: TimeAmount) { self.period = period }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            now.requestCount += 1
            now.isReceiving = true
            look(context, after: nil)
        case .body(let bytes): now.receivedByteCount += bytes.readableBytes
        case .end: now.isReceiving = false
        }
        now.isHungry = false
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        now.isHungry = true
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .body(.byteBuffer(let bytes)) = unwrapOutboundIn(data) {
            now.writtenByteCount += bytes.readableBytes
            look(context, after: nil)
        }
        context.write(data, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    /// Looks again in a period, unless that is so already.
    private func look(_ context: ChannelHandlerContext, after mark: Mark?) {
        guard timer == nil else { return }
        last = mark
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: period) { [self] in
            timer = nil
            now.unsentByteCount = unsentByteCount(of: context)
            if let last, isStalled(since: last) {
                context.close(promise: nil)
            } else if now.isReceiving || now.unsentByteCount > 0 {
                look(context, after: now)
            }
        }
    }

    private func isStalled(since last: Mark) -> Bool {
        if now.isReceiving, last.isReceiving, now.requestCount == last.requestCount {
            let count = now.receivedByteCount - last.receivedByteCount
            return now.isHungry && count < Self.byteCountMin
        }
        guard now.unsentByteCount > 0, last.unsentByteCount > 0 else { return false }
        let sent = now.writtenByteCount - now.unsentByteCount
        return sent - (last.writtenByteCount - last.unsentByteCount) < Self.byteCountMin
    }

    private func unsentByteCount(of context: ChannelHandlerContext) -> Int {
        let count = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)
        return count ?? 0
    }
}
