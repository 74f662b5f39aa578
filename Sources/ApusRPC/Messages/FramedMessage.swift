package import NIOCore

/// A message behind its prefix, as gRPC sends it (PROTOCOL-HTTP2.md, Length-Prefixed-Message): one
/// byte that says whether it is compressed, four of its length, and its bytes.
///
/// Whoever encodes a message writes it here, so that it goes to the socket without a copy.
package struct FramedMessage: Sendable {
    static let prefixByteCount = 5

    /// Prefix and message.
    package private(set) var frame: ByteBuffer

    /// `byteCount` zero bytes, to be overwritten with `withUnsafeMutableBytes`.
    package init(byteCount: Int) {
        frame = ByteBuffer()
        frame.reserveCapacity(Self.prefixByteCount + byteCount)
        writePrefix(isCompressed: false, byteCount: byteCount)
        frame.writeRepeatingByte(0, count: byteCount)
    }

    /// Copies the bytes.
    package init(bytes: some Collection<UInt8>) {
        frame = ByteBuffer()
        frame.reserveCapacity(Self.prefixByteCount + bytes.count)
        writePrefix(isCompressed: false, byteCount: bytes.count)
        frame.writeBytes(bytes)
    }

    /// Copies the readable bytes.
    package init(_ message: ByteBuffer, isCompressed: Bool = false) {
        frame = ByteBuffer()
        frame.reserveCapacity(Self.prefixByteCount + message.readableBytes)
        writePrefix(isCompressed: isCompressed, byteCount: message.readableBytes)
        frame.writeImmutableBuffer(message)
    }

    /// Bytes of the message, without its prefix.
    package var byteCount: Int { frame.readableBytes - Self.prefixByteCount }

    package var message: ByteBuffer {
        var message = frame
        message.moveReaderIndex(forwardBy: Self.prefixByteCount)
        return message
    }

    /// Lends the bytes of the message.
    package mutating func withUnsafeMutableBytes<Value, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try unsafe frame.withUnsafeMutableReadableBytes { bytes throws(Failure) in
            try unsafe body(UnsafeMutableRawBufferPointer(rebasing: bytes[Self.prefixByteCount...]))
        }
    }

    /// A length beyond 32 bits does not fit; the limits of a server lie below.
    private mutating func writePrefix(isCompressed: Bool, byteCount: Int) {
        frame.writeMultipleIntegers(
            UInt8(isCompressed ? 1 : 0), UInt32(truncatingIfNeeded: byteCount))
    }
}
