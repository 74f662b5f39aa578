private import CZlib

/// Expands a gzip file piece by piece; several gzip members in a row make one text.
///
/// Owns the zlib stream, which zlib wants at one address from start to end.
@safe
final class Inflater {
    private let file: InputFile
    private let stream: UnsafeMutablePointer<z_stream>
    private var input: [UInt8] = []
    private var inputUsed = 0
    /// Compressed bytes consumed so far.
    private(set) var offset = 0
    private var isInsideMember = true
    /// zlib may hold more output without needing more input.
    private var outputWasFull = false

    private static let pieceSize = 1 << 16

    init(_ file: InputFile) throws(PipelineError) {
        self.file = file
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 15 bits of window, and 16 to expect a gzip header rather than zlib's.
        let code = unsafe inflateInit2_(
            stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else {
            throw .unreadable(file: file.path, reason: "zlib does not start (code \(code))")
        }
    }

    deinit {
        _ = unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// The next expanded bytes; empty at the end.
    func next() throws(PipelineError) -> [UInt8] {
        while true {
            if inputUsed == input.count, !outputWasFull {
                input = try file.read(at: offset, count: Self.pieceSize)
                inputUsed = 0
            }
            if input.isEmpty, !outputWasFull {
                guard !isInsideMember else {
                    throw .malformed(
                        file: file.path, .byte(offset), expected: "more compressed data",
                        found: "the end of the file")
                }
                return []
            }
            if !isInsideMember {
                _ = unsafe inflateReset(stream)
                isInsideMember = true
            }
            let output = try expand()
            if !output.isEmpty { return output }
        }
    }

    /// Feeds what is left of `input` until a piece of output is full, the input is used up, or
    /// the member ends.
    private func expand() throws(PipelineError) -> [UInt8] {
        var code = Z_OK
        var consumed = 0
        let output = unsafe [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, filled in
            unsafe input.withUnsafeMutableBufferPointer { source in
                let available = source.count - inputUsed
                unsafe stream.pointee.next_in = source.baseAddress.map { unsafe $0 + inputUsed }
                unsafe stream.pointee.avail_in = UInt32(available)
                unsafe stream.pointee.next_out = buffer.baseAddress
                unsafe stream.pointee.avail_out = UInt32(buffer.count)
                code = unsafe inflate(stream, Z_NO_FLUSH)
                consumed = unsafe available - Int(stream.pointee.avail_in)
                filled = unsafe buffer.count - Int(stream.pointee.avail_out)
            }
        }
        inputUsed += consumed
        offset += consumed
        outputWasFull = output.count == Self.pieceSize
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END:
            isInsideMember = false
            outputWasFull = false
        default:
            let reason = unsafe stream.pointee.msg.map { unsafe String(cString: $0) }
            throw .malformed(
                file: file.path, .byte(offset), expected: "gzip data",
                found: reason ?? "zlib code \(code)")
        }
        return output
    }
}
