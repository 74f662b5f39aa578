internal import NIOCore

/// Puts the small pieces that HTTP/2 writes (a call's answer is four of them) into one buffer until
/// the flush.
///
/// Copying them is cheaper than what each costs on its way to the socket; besides, the HTTP/2
/// handler can use its own buffer again, which it could not if somebody else held it.
final class WriteCoalescer: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// A larger piece is passed on as it is.
    private static let pieceByteCountMax = 4096
    private static let roomByteCount = 16 << 10

    private var pieces = ByteBuffer()

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if promise == nil, case .byteBuffer(let piece) = unwrapOutboundIn(data),
            piece.readableBytes <= Self.pieceByteCountMax
        {
            if pieces.writableBytes < piece.readableBytes {
                passOn(context)
                pieces.reserveCapacity(Self.roomByteCount)
            }
            pieces.writeImmutableBuffer(piece)
        } else {
            passOn(context)
            context.write(data, promise: promise)
        }
    }

    func flush(context: ChannelHandlerContext) {
        passOn(context)
        context.flush()
    }

    private func passOn(_ context: ChannelHandlerContext) {
        guard pieces.readableBytes > 0 else { return }
        context.write(wrapOutboundOut(.byteBuffer(pieces)), promise: nil)
        pieces = ByteBuffer()
    }
}
