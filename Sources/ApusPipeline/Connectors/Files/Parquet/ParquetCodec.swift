private import CLZ4
private import CSnappy
private import CZlib
private import CZstd

/// How pages are compressed, by the format's numbers.
enum ParquetCodec: Int, Sendable {
    case uncompressed = 0
    case snappy = 1
    case gzip = 2
    /// Blocks with their sizes before them, as Hadoop wrote them; some writers left the sizes out.
    case lz4Framed = 5
    case zstd = 6
    case lz4 = 7

    init(format raw: Int) throws(FormatFault) {
        guard let codec = ParquetCodec(rawValue: raw) else {
            let name = [3: "LZO", 4: "BROTLI"][raw] ?? "codec \(raw)"
            throw FormatFault(
                .unsupported, expected: "UNCOMPRESSED, SNAPPY, GZIP, ZSTD, LZ4 or LZ4_RAW",
                found: name)
        }
        self = codec
    }

    /// The bytes of a page, which must be `count`; the caller bounds that.
    func expanded(_ bytes: ArraySlice<UInt8>, to count: Int) throws(FormatFault) -> [UInt8] {
        if self == .uncompressed {
            guard bytes.count == count else { throw fault("\(bytes.count)", count) }
            return Array(bytes)
        }
        guard count > 0 else { return [] }
        let result: [UInt8]? =
            switch self {
            case .uncompressed: nil
            case .snappy: Self.snappy(bytes, count)
            case .gzip: Self.gzip(bytes, count)
            case .zstd: Self.zstd(bytes, count)
            case .lz4: Self.lz4(bytes, count)
            case .lz4Framed: Self.framed(bytes, count) ?? Self.lz4(bytes, count)
            }
        guard let result, result.count == count else {
            throw fault(result.map { "\($0.count)" } ?? "other bytes", count)
        }
        return result
    }

    private func fault(_ found: String, _ count: Int) -> FormatFault {
        FormatFault(expected: "\(count) bytes by \(self)", found: found)
    }

    private static func snappy(_ bytes: ArraySlice<UInt8>, _ count: Int) -> [UInt8]? {
        unsafe bytes.withUnsafeBytes { source -> [UInt8]? in
            let input = unsafe source.bindMemory(to: CChar.self)
            var length = 0
            guard let start = input.baseAddress,
                unsafe snappy_uncompressed_length(start, input.count, &length) == SNAPPY_OK,
                length == count
            else { return nil }
            var isSound = false
            let result = unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
                let output = unsafe UnsafeMutableRawPointer(target.baseAddress)?
                    .assumingMemoryBound(to: CChar.self)
                isSound =
                    unsafe snappy_uncompress(start, input.count, output, &length) == SNAPPY_OK
                filled = isSound ? length : 0
            }
            return isSound ? result : nil
        }
    }

    private static func zstd(_ bytes: ArraySlice<UInt8>, _ count: Int) -> [UInt8]? {
        unsafe bytes.withUnsafeBytes { source in
            unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
                let written = unsafe ZSTD_decompress(
                    target.baseAddress, count, source.baseAddress, source.count)
                filled = ZSTD_isError(written) == 0 ? written : 0
            }
        }
    }

    private static func lz4(_ bytes: ArraySlice<UInt8>, _ count: Int) -> [UInt8]? {
        guard let sourceCount = Int32(exactly: bytes.count), let capacity = Int32(exactly: count)
        else { return nil }
        return unsafe bytes.withUnsafeBytes { source in
            unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
                let written = unsafe LZ4_decompress_safe(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self),
                    UnsafeMutableRawPointer(target.baseAddress)?
                        .assumingMemoryBound(to: CChar.self), sourceCount, capacity)
                filled = max(0, Int(written))
            }
        }
    }

    /// Blocks of LZ4, each after its expanded and its compressed size as big-endian numbers of 32
    /// bits. nil where the sizes do not fit.
    private static func framed(_ bytes: ArraySlice<UInt8>, _ count: Int) -> [UInt8]? {
        var rest = bytes
        var result: [UInt8] = []
        while !rest.isEmpty {
            guard rest.count >= 8 else { return nil }
            let sizes = rest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let expanded = Int(sizes >> 32)
            let compressed = Int(sizes & 0xffff_ffff)
            rest = rest.dropFirst(8)
            guard compressed > 0, compressed <= rest.count, expanded <= count - result.count,
                let block = lz4(rest.prefix(compressed), expanded), block.count == expanded
            else { return nil }
            result += block
            rest = rest.dropFirst(compressed)
        }
        return result
    }

    /// Gzip or zlib data, of several members in a row too.
    private static func gzip(_ bytes: ArraySlice<UInt8>, _ count: Int) -> [UInt8]? {
        guard let available = UInt32(exactly: bytes.count), let room = UInt32(exactly: count) else {
            return nil
        }
        var input = Array(bytes)
        var isSound = false
        let result = unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
            unsafe input.withUnsafeMutableBufferPointer { source in
                var stream = unsafe z_stream()
                // 15 bits of window, and 32 to tell gzip from zlib by the header.
                guard
                    unsafe inflateInit2_(
                        &stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
                else { return }
                unsafe stream.next_in = source.baseAddress
                unsafe stream.avail_in = available
                unsafe stream.next_out = target.baseAddress
                unsafe stream.avail_out = room
                var code = unsafe inflate(&stream, Z_FINISH)
                while unsafe code == Z_STREAM_END && stream.avail_in > 0 && stream.avail_out > 0 {
                    _ = unsafe inflateReset(&stream)
                    code = unsafe inflate(&stream, Z_FINISH)
                }
                isSound = code == Z_STREAM_END
                filled = unsafe isSound ? count - Int(stream.avail_out) : 0
                _ = unsafe inflateEnd(&stream)
            }
        }
        return isSound ? result : nil
    }

    /// The bytes compressed with Zstandard, at its usual level.
    static func compressedByZstd(_ bytes: [UInt8]) -> [UInt8]? {
        let capacity = ZSTD_compressBound(bytes.count)
        guard ZSTD_isError(capacity) == 0 else { return nil }
        let result = unsafe bytes.withUnsafeBytes { source in
            unsafe [UInt8](unsafeUninitializedCapacity: capacity) { target, filled in
                let written = unsafe ZSTD_compress(
                    target.baseAddress, capacity, source.baseAddress, source.count, 3)
                filled = ZSTD_isError(written) == 0 ? written : 0
            }
        }
        return result.isEmpty ? nil : result
    }

    /// The CRC-32 that a page's header may have of its bytes as they are stored.
    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        unsafe bytes.withUnsafeBytes { source in
            let start = unsafe source.bindMemory(to: UInt8.self).baseAddress
            return UInt32(
                truncatingIfNeeded: unsafe crc32(0, start, UInt32(clamping: source.count)))
        }
    }
}
