/// Small numbers as runs: of one value, or packed bit by bit (the format's RLE/bit-packing
/// hybrid). Levels, dictionary indices and booleans are written so.
///
/// Numbers are made one at a time, so that a short run that says a million values costs nothing.
struct ParquetRuns: Sendable {
    private let bytes: [UInt8]
    private var position: Int
    private let end: Int
    /// Bits of a number, 0…32.
    private let width: Int
    private var left = 0
    private var value: UInt32 = 0
    private var isPacked = false
    /// Where the next packed number begins, in bits from the start of `bytes`.
    private var bit = 0

    init(_ bytes: [UInt8], in range: Range<Int>, width: Int) throws(FormatFault) {
        guard (0...32).contains(width) else {
            throw FormatFault(expected: "numbers of at most 32 bits", found: "\(width)")
        }
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
        self.width = width
    }

    mutating func next() throws(FormatFault) -> UInt32 {
        while left == 0 { try startRun() }
        left -= 1
        guard isPacked else { return value }
        defer { bit += width }
        return UInt32(
            truncatingIfNeeded: ParquetBits.number(bytes, at: bit, width: width, end: end))
    }

    private mutating func startRun() throws(FormatFault) {
        let header = try ParquetBits.varint(bytes, &position, end)
        let count = header >> 1
        guard count <= UInt64(ParquetPageHeader.valuesMax) * 8 else {
            throw FormatFault(expected: "a run of values", found: "one of \(count)")
        }
        isPacked = header & 1 == 1
        if isPacked {
            // Groups of eight. Writers may leave out what the last one does not need.
            let byteCount = Int(count) * width
            bit = position * 8
            let available = min(byteCount, end - position)
            left = width == 0 ? Int(count) * 8 : available * 8 / width
            position += available
            guard available == byteCount || left > 0 else {
                throw FormatFault(
                    expected: "\(byteCount) bytes of packed numbers", found: "\(available)")
            }
        } else {
            let byteCount = (width + 7) / 8
            guard byteCount <= end - position else {
                throw FormatFault(
                    expected: "the value of a run", found: "the end of the page")
            }
            value = 0
            for index in 0..<byteCount {
                value |= UInt32(bytes[position + index]) << UInt32(8 * index)
            }
            position += byteCount
            left = Int(count)
        }
    }
}

/// Numbers of any width in bytes, least significant bit first.
enum ParquetBits {
    /// A number of at most 64 bits, 7 a byte.
    static func varint(
        _ bytes: [UInt8], _ position: inout Int, _ end: Int
    ) throws(FormatFault) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < end else {
                throw FormatFault(expected: "more values", found: "the end of the page")
            }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw FormatFault(expected: "a number of at most 64 bits", found: "more")
    }

    /// The `width` bits, at most 64, from `bit` on; those at and beyond byte `end` are zero.
    static func number(_ bytes: [UInt8], at bit: Int, width: Int, end: Int) -> UInt64 {
        var value: UInt64 = 0
        var byte = bit >> 3
        var shift = -(bit & 7)
        while shift < width, byte < end {
            let part = UInt64(bytes[byte])
            // Shifts by 64 and more give zero.
            value |= shift < 0 ? part >> UInt64(-shift) : part << UInt64(shift)
            byte += 1
            shift += 8
        }
        return width >= 64 ? value : value & ((1 << UInt64(width)) - 1)
    }

    /// A little-endian number of `count` bytes, at most 8, that the caller knows to be there.
    static func littleEndian(_ bytes: [UInt8], at offset: Int, count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
        return value
    }
}
