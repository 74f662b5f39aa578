package import NIOCore

/// Cuts the bytes of a request into its messages.
///
/// A message that came in one piece is a slice of what was read; others are put together in a
/// buffer that grows with what has come, never with what a prefix announces.
package struct MessageReader {
    /// Bytes of one message at most, before and after decompression.
    let messageBytesMax: Int
    let encoding: MessageEncoding
    private var bytes = ByteBuffer()

    package init(messageBytesMax: Int, encoding: MessageEncoding) {
        self.messageBytesMax = messageBytesMax
        self.encoding = encoding
    }

    /// Some, but not all bytes of a message have come.
    package var isInMessage: Bool { bytes.readableBytes > 0 }

    /// Memory that it holds.
    package var capacity: Int { bytes.storageCapacity }

    package mutating func append(_ more: ByteBuffer) {
        guard bytes.readableBytes > 0 else {
            bytes = more
            return
        }
        // What was read goes, or a stream whose messages never end with a frame would keep it all.
        bytes.discardReadBytes()
        bytes.writeImmutableBuffer(more)
    }

    /// The next message, decompressed; nil until all of it has come. Throws `internalError` for a
    /// prefix that is none and bytes that do not decompress, `resourceExhausted` for a message
    /// beyond the limit.
    package mutating func next() throws(RPCError) -> ByteBuffer? {
        guard
            let (flag, length) = bytes.peekMultipleIntegers(as: (UInt8, UInt32).self)
        else { return nil }
        guard flag <= 1 else {
            throw RPCError(.internalError, "a message begins with \(flag), which must be 0 or 1")
        }
        if flag == 1, encoding == .identity {
            throw RPCError(
                .internalError, "a message says that it is compressed, but `grpc-encoding` does not"
            )
        }
        guard length <= messageBytesMax else {
            throw RPCError(
                .resourceExhausted,
                "a message of \(length) bytes is larger than allowed (limit: \(messageBytesMax))")
        }
        let whole = FramedMessage.prefixByteCount + Int(length)
        guard bytes.readableBytes >= whole else { return nil }
        bytes.moveReaderIndex(forwardBy: FramedMessage.prefixByteCount)
        guard let message = bytes.readSlice(length: Int(length)) else { return nil }
        if bytes.readableBytes == 0 { bytes = ByteBuffer() }
        return flag == 0
            ? message : try Zlib.expand(message, encoding, byteCountMax: messageBytesMax)
    }
}
