/// Integers by their differences (the format's DELTA_BINARY_PACKED): blocks with a smallest
/// difference, of miniblocks with a width each.
struct ParquetDeltas: Sendable {
    private let bytes: [UInt8]
    private let end: Int
    /// Where the next miniblock or block begins.
    private var position: Int
    private let miniSize: Int
    private let miniCount: Int
    private(set) var left: Int
    private var last: Int64
    private var isFirst = true
    private var smallest: Int64 = 0
    private var widths: Range<Int> = 0..<0
    private var width = 0
    private var miniLeft = 0
    private var bit = 0

    init(_ bytes: [UInt8], in range: Range<Int>) throws(FormatFault) {
        self.bytes = bytes
        end = range.upperBound
        var position = range.lowerBound
        let blockSize = try ParquetBits.varint(bytes, &position, end)
        let minis = try ParquetBits.varint(bytes, &position, end)
        let count = try ParquetBits.varint(bytes, &position, end)
        let first = try ParquetBits.varint(bytes, &position, end)
        guard (1...(1 << 20)).contains(blockSize), minis > 0, blockSize % minis == 0,
            (blockSize / minis) % 8 == 0
        else {
            throw FormatFault(
                expected: "blocks of whole miniblocks", found: "\(blockSize) values in \(minis)")
        }
        guard count <= UInt64(ParquetPageHeader.valuesMax) else {
            throw FormatFault(
                expected: "at most \(ParquetPageHeader.valuesMax) values", found: "\(count)")
        }
        miniSize = Int(blockSize / minis)
        miniCount = Int(minis)
        left = Int(count)
        last = Self.signed(first)
        self.position = position
    }

    mutating func next() throws(FormatFault) -> Int64 {
        guard left > 0 else {
            throw FormatFault(expected: "another value", found: "the end of the page's values")
        }
        left -= 1
        if isFirst {
            isFirst = false
            return last
        }
        if miniLeft == 0 { try startMini() }
        miniLeft -= 1
        let step = ParquetBits.number(bytes, at: bit, width: width, end: end)
        bit += width
        last = last &+ smallest &+ Int64(bitPattern: step)
        return last
    }

    /// Reads to the end of the values. Returns where what follows them begins.
    mutating func finish() throws(FormatFault) -> Int {
        while left > 0 { _ = try next() }
        return position
    }

    private mutating func startMini() throws(FormatFault) {
        if widths.isEmpty {
            smallest = Self.signed(try ParquetBits.varint(bytes, &position, end))
            guard miniCount <= end - position else {
                throw FormatFault(
                    expected: "the widths of \(miniCount) miniblocks", found: "the end of the page")
            }
            widths = position..<(position + miniCount)
            position += miniCount
        }
        width = Int(bytes[widths.lowerBound])
        widths = widths.dropFirst()
        let byteCount = width * miniSize / 8
        guard width <= 64, byteCount <= end - position else {
            throw FormatFault(
                expected: "\(miniSize) differences",
                found: "\(end - position) bytes for \(width) bits each")
        }
        bit = position * 8
        position += byteCount
        miniLeft = miniSize
    }

    /// As ZigZag has it.
    private static func signed(_ bits: UInt64) -> Int64 {
        Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1)
    }
}
