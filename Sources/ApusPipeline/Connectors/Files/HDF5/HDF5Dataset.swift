/// From the header of a dataset to rows that can be read.
enum HDF5Dataset {
    static func rows(_ object: HDF5Object, of file: InputFile) throws(PipelineError) -> RowFile {
        guard let shape = try object.message(.dataspace),
            let type = try object.message(.datatype), let layout = try object.message(.layout)
        else {
            throw .unsupported(
                file: file.path, expected: "a dataset with a shape, a type and a layout",
                found: "another kind of object")
        }
        if var filters = try object.message(.filters) {
            try filters.skip(1)
            guard try filters.number(1) == 0 else {
                throw filters.unsupported(
                    "plain data (h5repack -f NONE makes it)", "compressed or filtered data")
            }
        }
        let axes = try HDF5Dataset.axes(shape)
        guard axes.count == 1 || axes.count == 2 else {
            throw shape.unsupported("one or two axes", "\(axes.count)")
        }
        let width = axes.count == 2 ? axes[1] : 1
        guard (1...RowLayout.maximumWidth).contains(width) else {
            throw shape.unsupported("rows of 1…\(RowLayout.maximumWidth) numbers", "\(width)")
        }
        let rows = RowLayout(
            element: try element(type), rowCount: axes[0], width: width, start: 0)
        let (byteCount, overflow) = rows.rowCount.multipliedReportingOverflow(by: rows.stride)
        guard !overflow, byteCount <= file.size else {
            throw shape.fault(
                "a shape that a file of \(file.size) bytes can hold", "\(axes[0]) × \(width)")
        }
        return try place(rows, byteCount, axes.count, layout, of: file)
    }

    /// The lengths of the axes (specification IV.A.2.b).
    static func axes(_ message: HDF5Block) throws(PipelineError) -> [Int] {
        var message = message
        let version = try message.number(1)
        guard version == 1 || version == 2 else {
            throw message.fault("dataspace version 1 or 2", "\(version)")
        }
        let rank = try message.number(1)
        try message.skip(version == 1 ? 1 + 1 + 4 : 1 + 1)
        guard rank <= 32 else { throw message.fault("at most 32 axes", "\(rank)") }
        var axes: [Int] = []
        for _ in 0..<rank { axes.append(try message.length()) }
        return axes
    }

    /// The numbers that are read (specification IV.A.2.d).
    private static func element(_ message: HDF5Block) throws(PipelineError) -> RowLayout.Element {
        var message = message
        let kind = try message.number(1) & 0x0f
        let bits = try message.number(1)
        try message.skip(2)
        let size = try message.number(4)
        let isBigEndian = bits & 1 != 0
        let isSigned = bits & 0x08 != 0
        switch (kind, size) {
        case (0, 4) where isSigned && !isBigEndian: return .int32
        case (0, 8) where isSigned && !isBigEndian: return .int64
        case (0, 1) where !isSigned: return .uint8
        // Bit 6 makes it VAX order.
        case (1, 4) where bits & 0x41 == 0: return .float32
        case (1, 8) where bits & 0x41 == 0: return .float64
        default:
            throw message.unsupported(
                "little-endian float32, float64, int32, int64 or uint8",
                "type class \(kind) of \(size) bytes"
                    + (kind == 0 ? (isSigned ? ", signed" : ", unsigned") : "")
                    + (kind < 2 && isBigEndian ? ", big-endian" : ""))
        }
    }

    /// Finds where the rows lie (specification IV.A.2.i).
    private static func place(
        _ rows: RowLayout, _ byteCount: Int, _ rank: Int, _ message: HDF5Block, of file: InputFile
    ) throws(PipelineError) -> RowFile {
        var message = message
        let version = try message.number(1)
        guard (3...5).contains(version) else {
            throw message.unsupported("data layout version 3, 4 or 5", "\(version)")
        }
        var rows = rows
        let kind = try message.number(1)
        switch kind {
        case 0:
            let size = try message.number(2)
            guard size == byteCount, size <= message.left else {
                throw message.fault("\(byteCount) bytes of data", "\(min(size, message.left))")
            }
            rows.start = message.place
            return RowFile(file: file, layout: rows)
        case 1:
            let start = try message.address()
            let size = try message.length()
            guard byteCount > 0 else { return RowFile(file: file, layout: rows) }
            guard let start, size == byteCount, start <= file.size - size else {
                throw message.fault(
                    "\(byteCount) bytes of data in the file",
                    start.map { "\(size) at byte \($0)" } ?? "none")
            }
            rows.start = start
            return RowFile(file: file, layout: rows)
        case 2:
            let chunks =
                version == 3
                ? try HDF5Chunks(rows, rank, version3: &message, in: file)
                : try HDF5Chunks(rows, rank, version4: &message, in: file)
            return RowFile(file: file, layout: rows, chunks: chunks)
        default: throw message.unsupported("data in the file itself", "layout class \(kind)")
        }
    }
}
