/// Bytes of an HDF5 file that are read from front to back; every step is checked. Numbers are
/// little-endian.
struct HDF5Block: Sendable {
    /// Longest block of metadata that is read.
    static let maximumByteCount = 1 << 20

    let path: String
    let bytes: [UInt8]
    /// Where the block begins in the file.
    let start: Int
    private(set) var position = 0

    /// Reads `count` bytes of the file, all of which must be there.
    init(in file: InputFile, at offset: Int, count: Int) throws(PipelineError) {
        guard offset >= 0, offset <= file.size, count >= 0, count <= file.size - offset,
            count <= Self.maximumByteCount
        else {
            throw .malformed(
                file: file.path, .byte(max(0, min(offset, file.size))),
                expected: "\(count) bytes of an HDF5 structure at byte \(offset)",
                found: "a file of \(file.size) bytes")
        }
        let bytes = try file.read(at: offset, count: count)
        guard bytes.count == count else {
            throw .malformed(
                file: file.path, .byte(offset + bytes.count), expected: "\(count) bytes",
                found: "the end of the file, which was cut while it was read")
        }
        self.init(path: file.path, bytes: bytes, start: offset)
    }

    private init(path: String, bytes: [UInt8], start: Int) {
        self.path = path
        self.bytes = bytes
        self.start = start
    }

    /// Bytes that are left.
    var left: Int { bytes.count - position }

    /// Where the next byte stands in the file.
    var place: Int { start + position }

    /// A number of 1 to 4 bytes.
    mutating func number(_ size: Int) throws(PipelineError) -> Int {
        var value = 0
        for (index, byte) in try take(size).bytes.enumerated() { value |= Int(byte) << (8 * index) }
        return value
    }

    /// A number of 8 bytes that can be a length or an offset; nil for "undefined", all ones.
    mutating func address() throws(PipelineError) -> Int? {
        let value = try take(8).bytes.enumerated().reduce(UInt64(0)) {
            $0 | UInt64($1.element) << UInt64(8 * $1.offset)
        }
        if value == .max { return nil }
        guard let number = Int(exactly: value) else {
            throw fault("a length or an offset", "\(value)")
        }
        return number
    }

    /// A number of 8 bytes that is a length.
    mutating func length() throws(PipelineError) -> Int {
        guard let length = try address() else { throw fault("a length", "none") }
        return length
    }

    mutating func skip(_ count: Int) throws(PipelineError) { _ = try take(count) }

    /// The next `count` bytes as a block of their own.
    mutating func take(_ count: Int) throws(PipelineError) -> HDF5Block {
        guard count >= 0, count <= left else {
            throw fault("\(count) bytes", "\(left) to the end of the structure")
        }
        defer { position += count }
        return HDF5Block(
            path: path, bytes: Array(bytes[position..<(position + count)]), start: place)
    }

    /// Passes over a signature of four letters.
    mutating func expect(_ signature: String) throws(PipelineError) {
        guard left >= 4, bytes[position..<(position + 4)].elementsEqual(signature.utf8) else {
            throw fault("'\(signature)'", "other bytes")
        }
        position += 4
    }

    /// Text up to a zero byte or the end of the block.
    func text(from offset: Int = 0) throws(PipelineError) -> String {
        guard offset >= 0, offset <= bytes.count else {
            throw fault(
                "a text at byte \(start + min(offset, 1 << 40))", "the end of the structure")
        }
        let letters = bytes[offset...].prefix(1024).prefix { $0 != 0 }
        guard let text = String(validating: letters, as: UTF8.self) else {
            throw fault("a text in UTF-8", "other bytes")
        }
        return text
    }

    func fault(_ expected: String, _ found: String) -> PipelineError {
        .malformed(file: path, .byte(place), expected: expected, found: found)
    }

    func unsupported(_ expected: String, _ found: String) -> PipelineError {
        .unsupported(file: path, expected: expected, found: found)
    }
}
