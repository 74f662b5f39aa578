/// A message of an Arrow stream: what stands before its body.
enum ArrowMessage: Sendable {
    case schema(ArrowSchema)
    case dictionary(id: Int, isDelta: Bool, ArrowRecordBatch)
    case records(ArrowRecordBatch)

    /// The message, and the bytes of the body that follows it.
    static func read(
        _ bytes: [UInt8]
    ) throws(FormatFault) -> (message: ArrowMessage, bodyByteCount: Int) {
        let table = try FlatTable(root: bytes)
        let size = try table.number(3, bytes: 8)
        guard size >= 0 else { throw FormatFault(expected: "the size of a body", found: "\(size)") }
        guard let header = try table.table(2) else {
            throw FormatFault(expected: "the header of a message", found: "none")
        }
        let kind = try table.number(1, bytes: 1)
        switch kind {
        case 1: return (.schema(try ArrowSchema(header)), size)
        case 2:
            guard let batch = try header.table(1) else {
                throw FormatFault(expected: "values of a dictionary", found: "none")
            }
            return (
                .dictionary(
                    id: try header.number(0, bytes: 8), isDelta: try header.truth(2),
                    try ArrowRecordBatch(batch)), size
            )
        case 3: return (.records(try ArrowRecordBatch(header)), size)
        default:
            throw FormatFault(
                .unsupported, expected: "a schema, dictionary or record batch",
                found: "message \(kind)")
        }
    }
}

/// Where the parts of some rows lie in a message's body.
struct ArrowRecordBatch: Sendable {
    let rowCount: Int
    /// Of each column and those in it, in the order of a tree's branches: values, and how many of
    /// them are null.
    let nodes: [[Int]]
    /// Offset and size.
    let buffers: [[Int]]
    /// Buffers of data of each column of views.
    let variadicCounts: [Int]
    let codec: ArrowCodec?

    init(_ table: FlatTable) throws(FormatFault) {
        rowCount = try table.number(0, bytes: 8)
        nodes = try table.structures(1, size: 16)
        buffers = try table.structures(2, size: 16)
        variadicCounts = try table.structures(4, size: 8).map { $0[0] }
        let numbers = nodes.joined().contains { $0 < 0 } || buffers.joined().contains { $0 < 0 }
        guard rowCount >= 0, !numbers, !variadicCounts.contains(where: { $0 < 0 }) else {
            throw FormatFault(expected: "sizes of a record batch", found: "one below zero")
        }
        guard let compression = try table.table(3) else {
            codec = nil
            return
        }
        let number = try compression.number(0, bytes: 1)
        guard let codec = ArrowCodec(rawValue: number) else {
            throw FormatFault(.unsupported, expected: "LZ4 or Zstandard", found: "codec \(number)")
        }
        self.codec = codec
    }

    /// Columns for the fields whose names are wanted (nil: all), from a body of a source.
    func columns(
        _ fields: [ArrowField], wanted: Set<String>?, dictionaries: [Int: ArrowDictionary],
        _ source: any RangedBytes, body: Range<Int>
    ) throws(FormatFault) -> [ArrowColumn] {
        var reader = ArrowColumnReader(
            batch: self, source: source, body: body, dictionaries: dictionaries)
        var columns: [ArrowColumn] = []
        for field in fields {
            // Its parts are passed over where nobody wants it.
            let column = try reader.column(field)
            if wanted?.contains(field.name) ?? true { columns.append(column) }
            guard column.length == rowCount else {
                throw FormatFault(
                    expected: "\(rowCount) values in column \(field.path)",
                    found: "\(column.length)")
            }
        }
        return columns
    }
}

/// Takes the nodes and buffers of a record batch one after the other.
struct ArrowColumnReader {
    let batch: ArrowRecordBatch
    let source: any RangedBytes
    let body: Range<Int>
    let dictionaries: [Int: ArrowDictionary]
    private var node = 0
    private var buffer = 0
    private var variadic = 0

    init(
        batch: ArrowRecordBatch, source: any RangedBytes, body: Range<Int>,
        dictionaries: [Int: ArrowDictionary]
    ) {
        self.batch = batch
        self.source = source
        self.body = body
        self.dictionaries = dictionaries
    }

    mutating func column(_ field: ArrowField) throws(FormatFault) -> ArrowColumn {
        guard node < batch.nodes.count else {
            throw FormatFault(
                .ended, expected: "column \(field.path) in the record batch", found: "none")
        }
        let (length, nullCount) = (batch.nodes[node][0], batch.nodes[node][1])
        node += 1
        let type = field.dictionary?.index ?? field.type
        var buffers: [ArrowBuffer] = []
        if type != .null {
            for _ in 0...type.bufferCount { buffers.append(try nextBuffer(field)) }
        }
        if case .views = type {
            guard variadic < batch.variadicCounts.count else {
                throw FormatFault(
                    expected: "a number of buffers of column \(field.path)", found: "none")
            }
            for _ in 0..<batch.variadicCounts[variadic] { buffers.append(try nextBuffer(field)) }
            variadic += 1
        }
        var children: [ArrowColumn] = []
        if field.dictionary == nil {
            for child in field.children { children.append(try column(child)) }
        }
        return ArrowColumn(
            field: field, length: length, hasNulls: nullCount > 0 && buffers.first?.count != 0,
            buffers: buffers, children: children,
            dictionary: field.dictionary.map { dictionaries[$0.id] ?? ArrowDictionary() })
    }

    private mutating func nextBuffer(_ field: ArrowField) throws(FormatFault) -> ArrowBuffer {
        guard buffer < batch.buffers.count else {
            throw FormatFault(
                .ended, expected: "the buffers of column \(field.path)", found: "too few")
        }
        let (offset, count) = (batch.buffers[buffer][0], batch.buffers[buffer][1])
        buffer += 1
        guard offset <= body.count, count <= body.count - offset else {
            throw FormatFault(
                expected: "a buffer within a body of \(body.count) bytes",
                found: "\(count) bytes at \(offset)")
        }
        return ArrowBuffer(
            source, at: body.lowerBound + offset, count: count, codec: batch.codec)
    }
}
