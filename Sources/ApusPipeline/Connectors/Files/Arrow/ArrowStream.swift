/// The messages of an Arrow file or stream.
struct ArrowStream: Sendable {
    let source: any RangedBytes
    let schema: ArrowSchema
    /// Of a file: where its messages stand that are not read yet, last one first; nil: of a stream.
    private var blocks: [Block]?
    /// Of a stream: where the next message stands.
    private var position = 0
    /// Record batches that were read.
    private var batches = 0

    private struct Block {
        var offset: Int
        var metadata: Int
        var body: Int
    }

    private static let magic = Array("ARROW1".utf8)
    private static let metadataBytesMax = 64 << 20

    init(_ source: any RangedBytes) async throws {
        self.source = source
        let start = try await source.bytes(at: 0, count: 8)
        if start.starts(with: Self.magic) {
            (schema, blocks) = try await Self.footer(source)
            return
        }
        do {
            guard let (message, body) = try await Self.message(source, at: 0),
                case .schema(let schema) = message
            else { throw FormatFault(expected: "a schema", found: "none") }
            self.schema = schema
            position = body.upperBound
        } catch let fault as FormatFault {
            throw fault.error(source.path, .byte(0))
        }
    }

    /// The next message that is no schema, and where its body is in the source; nil at the end.
    mutating func next() async throws -> (message: ArrowMessage, body: Range<Int>)? {
        let place = blocks?.last?.offset ?? position
        do {
            let found: (message: ArrowMessage, body: Range<Int>)?
            if let block = blocks?.popLast() {
                found = try await Self.message(source, block)
            } else if blocks != nil {
                return nil
            } else {
                found = try await Self.message(source, at: position)
                if let found { position = found.body.upperBound }
            }
            if case .records? = found?.message { batches += 1 }
            return found
        } catch let fault as FormatFault {
            throw fault.error(source.path, .byte(place))
        }
    }

    /// Something is wrong with the last batch.
    func error(_ fault: FormatFault) -> PipelineError {
        fault.error(source.path, .batch(max(0, batches - 1)))
    }

    // MARK: Files

    private static func footer(
        _ source: any RangedBytes
    ) async throws -> (ArrowSchema, [Block]) {
        let size = source.size
        let tail = try await source.bytes(at: max(0, size - 10), count: 10)
        guard tail.count == 10, tail.suffix(6).elementsEqual(magic) else {
            throw PipelineError.malformed(
                file: source.path, .byte(max(0, size - 6)), expected: "'ARROW1' at the end",
                found: "other bytes")
        }
        let length = Int(ParquetBits.littleEndian(tail, at: 0, count: 4))
        guard length <= min(metadataBytesMax, size - 18) else {
            throw PipelineError.malformed(
                file: source.path, .byte(size - 10), expected: "the length of a footer in the file",
                found: "\(length)")
        }
        let start = size - 10 - length
        do throws(FormatFault) {
            let bytes: [UInt8]
            do { bytes = try await source.bytes(at: start, count: length) } catch {
                throw FormatFault(.ended, expected: "a footer", found: "\(error)")
            }
            let table = try FlatTable(root: bytes)
            guard let schema = try table.table(1) else {
                throw FormatFault(expected: "a schema", found: "none")
            }
            // Dictionaries first: in a file they may stand behind the batches that need them.
            var blocks: [Block] = []
            for field in [2, 3] {
                for numbers in try table.structures(field, size: 24) {
                    blocks.append(try block(numbers, end: start))
                }
            }
            return (try ArrowSchema(schema), blocks.reversed())
        } catch {
            throw error.error(source.path, .byte(start))
        }
    }

    private static func block(_ numbers: [Int], end: Int) throws(FormatFault) -> Block {
        let block = Block(
            offset: numbers[0], metadata: numbers[1] & 0xffff_ffff, body: numbers[2])
        guard block.offset >= 8, block.offset <= end, block.metadata <= end - block.offset,
            block.metadata <= metadataBytesMax, block.body >= 0,
            block.body <= end - block.offset - block.metadata
        else { throw FormatFault(expected: "a message before the footer", found: "none") }
        return block
    }

    private static func message(
        _ source: any RangedBytes, _ block: Block
    ) async throws -> (message: ArrowMessage, body: Range<Int>) {
        let bytes = try await source.bytes(at: block.offset, count: block.metadata)
        guard bytes.count == block.metadata, bytes.count >= 8 else {
            throw FormatFault(.ended, expected: "a message", found: "\(bytes.count) bytes")
        }
        let isMarked = ParquetBits.littleEndian(bytes, at: 0, count: 4) == 0xffff_ffff
        let (message, size) = try ArrowMessage.read(Array(bytes.dropFirst(isMarked ? 8 : 4)))
        guard size <= block.body else {
            throw FormatFault(expected: "a body of \(block.body) bytes", found: "\(size)")
        }
        let start = block.offset + block.metadata
        return (message, start..<(start + size))
    }

    // MARK: Streams

    private static func message(
        _ source: any RangedBytes, at position: Int
    ) async throws -> (message: ArrowMessage, body: Range<Int>)? {
        let head = try await source.bytes(at: position, count: 8)
        // A stream may end without saying so.
        if head.isEmpty { return nil }
        guard head.count >= 4 else {
            throw FormatFault(.ended, expected: "a message", found: "\(head.count) bytes")
        }
        var size = Int(ParquetBits.littleEndian(head, at: 0, count: 4))
        var start = position + 4
        if size == 0xffff_ffff {
            guard head.count == 8 else {
                throw FormatFault(.ended, expected: "a message", found: "\(head.count) bytes")
            }
            size = Int(ParquetBits.littleEndian(head, at: 4, count: 4))
            start += 4
        }
        if size == 0 { return nil }
        guard size <= metadataBytesMax else {
            throw FormatFault(
                .unsupported, expected: "a message of at most \(metadataBytesMax) bytes",
                found: "\(size)")
        }
        let bytes = try await source.bytes(at: start, count: size)
        guard bytes.count == size else {
            throw FormatFault(
                .ended, expected: "a message of \(size) bytes", found: "\(bytes.count)")
        }
        let (message, bodySize) = try ArrowMessage.read(bytes)
        start += size
        guard bodySize <= source.size - start else {
            throw FormatFault(
                .ended, expected: "a body of \(bodySize) bytes", found: "the end of the file")
        }
        return (message, start..<(start + bodySize))
    }
}
