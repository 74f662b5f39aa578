/// Where the chunks of a table lie: blocks of rows and columns, those at the edges padded to their
/// full size. Every chunk must be there.
struct HDF5Chunks: Sendable {
    /// Rows and numbers a row of a chunk.
    private let chunk: (rows: Int, width: Int)
    /// Chunks beside each other.
    private let across: Int
    private let elementSize: Int
    /// Byte offsets in the file, `[chunk row × across]`.
    private let starts: [Int]

    /// By a version 1 B-tree.
    init(
        _ layout: RowLayout, _ rank: Int, version3 message: inout HDF5Block, in file: InputFile
    ) throws(PipelineError) {
        let axisCount = try message.number(1)
        let tree = try message.address()
        guard axisCount == rank + 1 else {
            throw message.fault("chunks of \(rank) axes", "\(axisCount - 1)")
        }
        var axes: [Int] = []
        for _ in 0..<axisCount { axes.append(try message.number(4)) }
        let grid = try Grid(layout, axes, message, fileSize: file.size)
        var starts = [Int?](repeating: nil, count: grid.count)
        if grid.count > 0 {
            guard let tree else { throw message.fault("\(grid.count) chunks", "none") }
            try Self.read(tree, grid, axisCount, into: &starts, in: file)
        }
        try self.init(grid, starts, message, in: file)
    }

    /// In a single chunk, as the newer versions may say it.
    init(
        _ layout: RowLayout, _ rank: Int, version4 message: inout HDF5Block, in file: InputFile
    ) throws(PipelineError) {
        try message.skip(1)
        let axisCount = try message.number(1)
        let axisSize = try message.number(1)
        guard axisCount == rank + 1, (1...4).contains(axisSize) else {
            throw message.unsupported(
                "chunks of \(rank) axes in numbers of 1 to 4 bytes",
                "\(axisCount - 1) in numbers of \(axisSize)")
        }
        var axes: [Int] = []
        for _ in 0..<axisCount { axes.append(try message.number(axisSize)) }
        let index = try message.number(1)
        guard index == 1 else {
            throw message.unsupported(
                "chunks by a version 1 B-tree (libver='earliest'), or a single one",
                "chunk index \(index)")
        }
        let grid = try Grid(layout, axes, message, fileSize: file.size)
        guard grid.count <= 1 else { throw message.fault("one chunk", "\(grid.count)") }
        let start = try message.address()
        try self.init(grid, [start], message, in: file)
    }

    /// What the shape and the chunks' shape say.
    private struct Grid {
        let chunk: (rows: Int, width: Int)
        let across: Int
        let count: Int
        let elementSize: Int
        let byteCount: Int

        init(
            _ layout: RowLayout, _ axes: [Int], _ message: HDF5Block, fileSize: Int
        ) throws(PipelineError) {
            elementSize = layout.element.size
            guard axes.last == elementSize else {
                throw message.fault("elements of \(elementSize) bytes", "\(axes.last ?? 0)")
            }
            let shape = axes.dropLast()
            chunk = (shape.first ?? 0, shape.count == 2 ? shape[1] : 1)
            guard chunk.rows > 0, chunk.width > 0 else {
                throw message.fault("chunks with rows and columns", "\(shape)")
            }
            // Each axis has 32 bits and an element 8 bytes at most.
            let (cells, cellsOverflow) = chunk.rows.multipliedReportingOverflow(by: chunk.width)
            let (bytes, bytesOverflow) = cells.multipliedReportingOverflow(by: elementSize)
            across = (layout.width - 1) / chunk.width + 1
            let down = layout.rowCount == 0 ? 0 : (layout.rowCount - 1) / chunk.rows + 1
            let (count, countOverflow) = down.multipliedReportingOverflow(by: across)
            let (all, allOverflow) = bytes.multipliedReportingOverflow(by: count)
            guard !cellsOverflow, !bytesOverflow, !countOverflow, !allOverflow, all <= fileSize
            else {
                throw message.fault(
                    "chunks that a file of \(fileSize) bytes can hold",
                    "\(chunk.rows) × \(chunk.width)")
            }
            self.count = count
            byteCount = bytes
        }
    }

    private init(
        _ grid: Grid, _ starts: [Int?], _ message: HDF5Block, in file: InputFile
    ) throws(PipelineError) {
        chunk = grid.chunk
        across = grid.across
        elementSize = grid.elementSize
        var found: [Int] = []
        for start in starts.prefix(grid.count) {
            guard let start, start <= file.size - grid.byteCount else {
                throw message.fault(
                    "\(grid.count) chunks of \(grid.byteCount) bytes",
                    start.map { "one at byte \($0)" } ?? "fewer (chunks that were never written)")
            }
            found.append(start)
        }
        self.starts = found
    }

    /// Walks the tree. A key is the bytes of the chunk, a mask of filters, and where it begins on
    /// each axis.
    private static func read(
        _ tree: Int, _ grid: Grid, _ axisCount: Int, into starts: inout [Int?], in file: InputFile
    ) throws(PipelineError) {
        var nodes = [tree]
        var read = 0
        while let address = nodes.popLast() {
            let node = try HDF5Tree.Node(
                in: file, at: address, kind: .chunks, keySize: 4 + 4 + 8 * axisCount)
            read += 1
            // No node of a sound tree is without a chunk of its own.
            guard read <= 2 * grid.count + 64, nodes.count <= 2 * grid.count + 64 else {
                throw .malformed(
                    file: file.path, .byte(address),
                    expected: "a tree of \(grid.count) chunks", found: "a larger one")
            }
            guard node.level == 0 else {
                nodes += node.children
                continue
            }
            for (child, key) in zip(node.children, node.keys) {
                var key = key
                let byteCount = try key.number(4)
                let mask = try key.number(4)
                let row = try key.length()
                let column = axisCount == 3 ? try key.length() : 0
                let place = row / grid.chunk.rows
                let beside = column / grid.chunk.width
                guard byteCount == grid.byteCount, mask == 0,
                    row % grid.chunk.rows == 0, column % grid.chunk.width == 0,
                    beside < grid.across, place < grid.count / grid.across
                else {
                    throw key.fault(
                        "a chunk of \(grid.byteCount) bytes within the table",
                        "\(byteCount) bytes at \(row), \(column)")
                }
                starts[place * grid.across + beside] = child
            }
        }
    }

    /// The bytes of rows that the table has.
    func read(
        _ rows: Range<Int>, _ layout: RowLayout, in file: InputFile
    ) throws(PipelineError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: rows.count * layout.stride)
        var row = rows.lowerBound
        while row < rows.upperBound {
            let place = row / chunk.rows
            let end = min(rows.upperBound, (place + 1) * chunk.rows)
            for beside in 0..<across {
                let stride = chunk.width * elementSize
                let skipped = row - place * chunk.rows
                let start = starts[place * across + beside] + skipped * stride
                let bytes = try file.read(at: start, count: (end - row) * stride)
                guard bytes.count == (end - row) * stride else {
                    throw .malformed(
                        file: file.path, .byte(start + bytes.count), expected: "a chunk",
                        found: "the end of the file, which was cut while it was read")
                }
                let column = beside * stride
                let used = min(stride, layout.stride - column)
                for line in 0..<(end - row) {
                    let target = (row - rows.lowerBound + line) * layout.stride + column
                    result.replaceSubrange(
                        target..<(target + used),
                        with: bytes[(line * stride)..<(line * stride + used)])
                }
            }
            row = end
        }
        return result
    }
}
