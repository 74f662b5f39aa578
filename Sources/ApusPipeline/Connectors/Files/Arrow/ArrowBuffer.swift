private import CLZ4
private import CZstd

/// How the buffers of a record batch are compressed, by the format's numbers.
enum ArrowCodec: Int, Sendable {
    case lz4Frame = 0
    case zstd = 1

    /// The bytes, which must be `count`; the caller bounds that.
    func expanded(_ bytes: [UInt8], to count: Int) throws(FormatFault) -> [UInt8] {
        let result: [UInt8]? =
            switch self {
            case .zstd:
                try? ParquetCodec.zstd.expanded(bytes[...], to: count)
            case .lz4Frame: Self.lz4(bytes, count)
            }
        guard let result, result.count == count else {
            throw FormatFault(
                expected: "\(count) bytes by \(self)",
                found: result.map { "\($0.count)" } ?? "other bytes")
        }
        return result
    }

    private static func lz4(_ bytes: [UInt8], _ count: Int) -> [UInt8]? {
        var context: OpaquePointer?
        guard LZ4F_isError(unsafe LZ4F_createDecompressionContext(&context, 100)) == 0 else {
            return nil
        }
        defer { unsafe LZ4F_freeDecompressionContext(context) }
        var isWhole = false
        let result = unsafe bytes.withUnsafeBytes { source in
            unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
                var position = 0
                while position < source.count {
                    var read = source.count - position
                    var written = count - filled
                    let hint = unsafe LZ4F_decompress(
                        context, target.baseAddress.map { unsafe $0 + filled }, &written,
                        source.baseAddress.map { unsafe $0 + position }, &read, nil)
                    guard LZ4F_isError(hint) == 0 else { return }
                    position += read
                    filled += written
                    isWhole = hint == 0
                    // The frame has ended, or there is no room for more.
                    guard !isWhole, read > 0 || written > 0 else { return }
                }
            }
        }
        return isWhole ? result : nil
    }
}

/// A buffer of a record batch, of which a part is in memory: all of it where it is compressed.
struct ArrowBuffer: Sendable {
    private let source: any RangedBytes
    private var start: Int
    /// Bytes, when it is expanded.
    private(set) var count: Int
    /// nil: it is not compressed, or is expanded.
    private var codec: ArrowCodec?
    private var window: [UInt8] = []
    private var windowStart = 0

    /// What is read at a time, and a compressed buffer, have at most so many bytes.
    static let bytesMax = 256 << 20

    init(_ source: any RangedBytes, at start: Int, count: Int, codec: ArrowCodec?) {
        self.source = source
        self.start = start
        self.count = count
        self.codec = count == 0 ? nil : codec
    }

    /// Has a part of it in memory.
    mutating func load(_ range: Range<Int>) async throws {
        if codec != nil { try await expand() }
        guard range.upperBound <= count else {
            throw FormatFault(
                expected: "a buffer of at least \(range.upperBound) bytes", found: "\(count)")
        }
        if range.isEmpty
            || range.lowerBound >= windowStart
                && range.upperBound <= windowStart + window.count
        {
            return
        }
        guard range.count <= Self.bytesMax else {
            throw FormatFault(
                .tooLarge, expected: "at most \(Self.bytesMax) bytes of a column at a time",
                found: "\(range.count)")
        }
        let wanted = min(max(range.count, source.pieceSize), count - range.lowerBound)
        window = []
        window = try await read(at: range.lowerBound, count: wanted)
        windowStart = range.lowerBound
    }

    private func read(at offset: Int, count: Int) async throws -> [UInt8] {
        let bytes = try await source.bytes(at: start + offset, count: count)
        guard bytes.count == count else {
            throw FormatFault(
                expected: "\(count) bytes at byte \(start + offset)", found: "\(bytes.count)")
        }
        return bytes
    }

    private mutating func expand() async throws {
        guard let codec else { return }
        guard count >= 8 else {
            throw FormatFault(expected: "the size of a buffer", found: "\(count) bytes")
        }
        let size = Int(
            Int64(
                bitPattern: ParquetBits.littleEndian(
                    try await read(at: 0, count: 8), at: 0, count: 8)))
        self.codec = nil
        start += 8
        count -= 8
        // Compressing it would have made it larger.
        guard size != -1 else { return }
        guard (0...Self.bytesMax).contains(size), count <= Self.bytesMax else {
            throw FormatFault(
                .unsupported, expected: "a compressed buffer of at most \(Self.bytesMax) bytes",
                found: "\(size)")
        }
        window = try codec.expanded(try await read(at: 0, count: count), to: size)
        windowStart = 0
        count = size
    }

    // MARK: What is in memory

    func bytes(_ range: Range<Int>) throws(FormatFault) -> ArraySlice<UInt8> {
        guard range.lowerBound >= windowStart, range.upperBound <= windowStart + window.count
        else {
            throw FormatFault(
                expected: "bytes \(range.lowerBound) to \(range.upperBound) of a buffer",
                found: "\(count)")
        }
        return window[(range.lowerBound - windowStart)..<(range.upperBound - windowStart)]
    }

    /// An unsigned number of up to 8 bytes.
    func number(at offset: Int, bytes size: Int) throws(FormatFault) -> UInt64 {
        let place = offset - windowStart
        guard place >= 0, place <= window.count - size else {
            throw FormatFault(
                expected: "\(size) bytes at \(offset) of a buffer", found: "\(count) bytes")
        }
        return ParquetBits.littleEndian(window, at: place, count: size)
    }

    /// A number that says where something is or how much of it: not negative.
    func place(at offset: Int, bytes size: Int) throws(FormatFault) -> Int {
        let bits = try number(at: offset, bytes: size)
        let number = size == 4 ? Int64(Int32(truncatingIfNeeded: bits)) : Int64(bitPattern: bits)
        guard number >= 0 else {
            throw FormatFault(expected: "an offset", found: "\(number)")
        }
        return Int(number)
    }

    func bit(_ index: Int) throws(FormatFault) -> Bool {
        try number(at: index >> 3, bytes: 1) >> UInt64(index & 7) & 1 == 1
    }
}
