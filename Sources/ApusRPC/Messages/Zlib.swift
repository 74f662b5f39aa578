internal import CZlib
package import NIOCore

/// One message at a time through zlib.
package enum Zlib {
    /// Throws `resourceExhausted` as soon as more than `byteCountMax` bytes come out, and
    /// `internalError` for bytes that zlib does not know or that end too early.
    package static func expand(
        _ message: ByteBuffer, _ encoding: MessageEncoding, byteCountMax: Int
    ) throws(RPCError) -> ByteBuffer {
        let stream = unsafe newStream()
        defer { unsafe stream.deallocate() }
        let started = unsafe inflateInit2_(
            stream, encoding.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard started == Z_OK else {
            throw RPCError(.internalError, "zlib does not start (code \(started))")
        }
        defer { _ = unsafe inflateEnd(stream) }
        var output = ByteBuffer()
        // Most text and payloads shrink by less than that; more comes piece by piece.
        let roomMax = min(byteCountMax, Int(UInt32.max)) + 1
        var pieceByteCount = min(roomMax, max(message.readableBytes * 4, 1024))
        var code = Z_OK
        unsafe message.withUnsafeReadableBytes { bytes in
            unsafe stream.pointee.next_in = source(bytes)
            unsafe stream.pointee.avail_in = UInt32(clamping: bytes.count)
            while code == Z_OK, output.readableBytes <= byteCountMax {
                code = unsafe output.appendPiece(pieceByteCount) { room in
                    unsafe stream.pointee.next_out = room.baseAddress
                    unsafe stream.pointee.avail_out = UInt32(clamping: room.count)
                    let code = unsafe inflate(stream, Z_NO_FLUSH)
                    return unsafe (code, room.count - Int(stream.pointee.avail_out))
                }
                pieceByteCount = min(roomMax, max(output.readableBytes, 1024))
            }
        }
        guard output.readableBytes <= byteCountMax else {
            throw RPCError(
                .resourceExhausted,
                "a message expands to more than \(byteCountMax) bytes, which is the limit")
        }
        guard code == Z_STREAM_END, unsafe stream.pointee.avail_in == 0 else {
            throw RPCError(
                .internalError, "a message is no \(encoding.rawValue) data (zlib code \(code))")
        }
        return output
    }

    /// Nil when zlib refuses, or when the result would not be smaller.
    package static func compress(_ message: ByteBuffer, _ encoding: MessageEncoding) -> ByteBuffer?
    {
        let stream = unsafe newStream()
        defer { unsafe stream.deallocate() }
        let started = unsafe deflateInit2_(
            stream, 1, Z_DEFLATED, encoding.windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard started == Z_OK else { return nil }
        defer { _ = unsafe deflateEnd(stream) }
        var output = ByteBuffer()
        let code = unsafe message.withUnsafeReadableBytes { bytes in
            unsafe stream.pointee.next_in = source(bytes)
            unsafe stream.pointee.avail_in = UInt32(clamping: bytes.count)
            return unsafe output.appendPiece(message.readableBytes) { room in
                unsafe stream.pointee.next_out = room.baseAddress
                unsafe stream.pointee.avail_out = UInt32(clamping: room.count)
                let code = unsafe deflate(stream, Z_FINISH)
                return unsafe (code, room.count - Int(stream.pointee.avail_out))
            }
        }
        return code == Z_STREAM_END ? output : nil
    }

    /// zlib only reads there, although its type says otherwise.
    private static func source(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutablePointer<UInt8>? {
        unsafe UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
    }

    /// zlib wants its stream at one address from start to end.
    private static func newStream() -> UnsafeMutablePointer<z_stream> {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        return unsafe stream
    }
}

extension MessageEncoding {
    /// zlib's word for the largest window, and 16 more for a gzip header around it.
    fileprivate var windowBits: Int32 { self == .gzip ? 15 + 16 : 15 }
}

extension ByteBuffer {
    /// Writes what `body` puts into room for `byteCount` bytes; it says how many.
    fileprivate mutating func appendPiece(
        _ byteCount: Int, _ body: (UnsafeMutableBufferPointer<UInt8>) -> (code: Int32, Int)
    ) -> Int32 {
        var code = Z_OK
        unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: byteCount) { room in
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: room[..<byteCount])
            let (result, filled) = unsafe body(room.bindMemory(to: UInt8.self))
            code = result
            return filled
        }
        return code
    }
}
