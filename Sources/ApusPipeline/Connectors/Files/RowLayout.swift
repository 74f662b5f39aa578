/// How a file of equal rows of numbers lies on disk: what an npy header says, or the first row of
/// an fvecs, bvecs or ivecs file. All numbers are little-endian.
package struct RowLayout: Hashable, Sendable {
    package enum Element: String, Hashable, Sendable, CaseIterable {
        case float16
        case float32
        case float64
        case uint8
        case int32
        case int64

        package var size: Int {
            switch self {
            case .uint8: 1
            case .float16: 2
            case .float32, .int32: 4
            case .float64, .int64: 8
            }
        }
    }

    package var element: Element
    package var rowCount: Int
    /// Numbers in a row, at least 1.
    package var width: Int
    /// Where the first row begins.
    package var start: Int
    /// Bytes before the numbers of each row: 4 in the vecs formats, which repeat the width.
    package var prefix: Int

    /// Longest row that is read, in numbers. Rows of more are a damaged header, not vectors.
    package static let maximumWidth = 1 << 20

    /// Bytes from one row to the next.
    package var stride: Int { prefix + width * element.size }

    /// Reads the layout of the file, by the ending of its name.
    ///
    /// | ending | numbers |
    /// |---|---|
    /// | `.npy` | float16, float32, uint8, int32, int64; one or two axes, C order |
    /// | `.fvecs` `.bvecs` `.ivecs` | float32, uint8, int32; each row after its width as int32 |
    package init(of file: InputFile) throws(PipelineError) {
        if file.path.hasSuffix(".npy") {
            self = try NpyHeader.layout(of: file)
        } else if file.path.hasSuffix(".fvecs") {
            try self.init(vecs: file, .float32)
        } else if file.path.hasSuffix(".bvecs") {
            try self.init(vecs: file, .uint8)
        } else if file.path.hasSuffix(".ivecs") {
            try self.init(vecs: file, .int32)
        } else {
            throw .unsupported(
                file: file.path, expected: "a name that ends in .npy, .fvecs, .bvecs or .ivecs",
                found: "another ending")
        }
    }

    package init(element: Element, rowCount: Int, width: Int, start: Int, prefix: Int = 0) {
        self.element = element
        self.rowCount = rowCount
        self.width = width
        self.start = start
        self.prefix = prefix
    }

    private init(vecs file: InputFile, _ element: Element) throws(PipelineError) {
        let head = try file.read(at: 0, count: 4)
        guard head.count == 4 else {
            throw .malformed(
                file: file.path, .byte(0), expected: "the width of the first row",
                found: "the end of the file")
        }
        let width = Int(Int32(bitPattern: Self.uint32(head, at: 0)))
        guard (1...Self.maximumWidth).contains(width) else {
            throw .malformed(
                file: file.path, .byte(0), expected: "a width of 1…\(Self.maximumWidth)",
                found: "\(width)")
        }
        self.init(element: element, rowCount: 0, width: width, start: 0, prefix: 4)
        guard file.size.isMultiple(of: stride) else {
            throw .malformed(
                file: file.path, .byte(file.size - file.size % stride),
                expected: "whole rows of \(stride) bytes (\(width) × \(element.rawValue))",
                found: "\(file.size % stride) bytes left over")
        }
        rowCount = file.size / stride
    }

    /// The four bytes at `offset`, which the caller knows to be there.
    static func uint32(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }
}
