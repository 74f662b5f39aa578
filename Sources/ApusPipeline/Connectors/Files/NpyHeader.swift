/// The header of NumPy's npy files, versions 1.0 to 3.0 (numpy.lib.format): a magic string, two
/// version bytes, a length, and a Python dictionary literal with `descr`, `fortran_order` and
/// `shape`.
enum NpyHeader {
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// Longest dictionary that is read.
    private static let maximumLength = 1 << 16

    /// The rows of the file: the first axis counts them; with a single axis each row has one
    /// number. The file must hold exactly what its header says.
    static func layout(of file: InputFile) throws(PipelineError) -> RowLayout {
        let (text, start) = try dictionary(of: file)
        var fields = PythonLiteral(text, file: file.path, offset: start - text.count)
        let (descriptor, isFortranOrder, shape) = try fields.readHeader()
        guard let element = element(descriptor) else {
            throw .unsupported(
                file: file.path,
                expected: "elements of type <f2, <f4, |u1, <i4 or <i8 (little-endian)",
                found: descriptor)
        }
        guard shape.count == 1 || shape.count == 2 else {
            throw .unsupported(
                file: file.path, expected: "one or two axes", found: "\(shape.count)")
        }
        guard !isFortranOrder || shape.count == 1 else {
            throw .unsupported(
                file: file.path, expected: "C order (numpy.ascontiguousarray)",
                found: "Fortran order")
        }
        let width = shape.count == 2 ? shape[1] : 1
        guard (1...RowLayout.maximumWidth).contains(width) else {
            throw .unsupported(
                file: file.path, expected: "rows of 1…\(RowLayout.maximumWidth) numbers",
                found: "\(width)")
        }
        let layout = RowLayout(element: element, rowCount: shape[0], width: width, start: start)
        let (bytes, overflow) = shape[0].multipliedReportingOverflow(by: layout.stride)
        guard !overflow, bytes == file.size - start else {
            throw .malformed(
                file: file.path, .byte(start),
                expected: "\(shape[0]) rows of \(layout.stride) bytes",
                found: "\(file.size - start) bytes")
        }
        return layout
    }

    /// The dictionary's text, and where the numbers begin.
    private static func dictionary(
        of file: InputFile
    ) throws(PipelineError) -> (text: [UInt8], end: Int) {
        let head = try file.read(at: 0, count: 12)
        guard head.count == 12, head.starts(with: magic) else {
            throw .malformed(
                file: file.path, .byte(0), expected: "the magic string of npy files",
                found: head.count < 12 ? "a file of \(head.count) bytes" : "other bytes")
        }
        let start: Int
        let length: Int
        switch head[6] {
        case 1:
            start = 10
            length = Int(head[8]) | Int(head[9]) << 8
        case 2, 3:
            start = 12
            length = Int(RowLayout.uint32(head, at: 8))
        default:
            throw .unsupported(
                file: file.path, expected: "npy version 1, 2 or 3", found: "\(head[6])")
        }
        guard length <= maximumLength, length <= file.size - start else {
            throw .malformed(
                file: file.path, .byte(8),
                expected: "a header of at most \(min(maximumLength, file.size - start)) bytes",
                found: "\(length)")
        }
        let text = try file.read(at: start, count: length)
        guard text.count == length else {
            throw .malformed(
                file: file.path, .byte(start), expected: "a header of \(length) bytes",
                found: "\(text.count)")
        }
        return (text, start + length)
    }

    private static func element(_ descriptor: String) -> RowLayout.Element? {
        switch descriptor {
        case "<f2": .float16
        case "<f4": .float32
        case "|u1", "<u1": .uint8
        case "<i4": .int32
        case "<i8": .int64
        default: nil
        }
    }
}

/// The little of Python's literals that an npy header uses.
private struct PythonLiteral {
    private let text: [UInt8]
    private let file: String
    /// Where `text` begins in the file.
    private let base: Int
    private var position = 0

    init(_ text: [UInt8], file: String, offset: Int) {
        self.text = text
        self.file = file
        base = offset
    }

    mutating func readHeader() throws(PipelineError) -> (
        descriptor: String, isFortranOrder: Bool, shape: [Int]
    ) {
        var descriptor: String?
        var isFortranOrder: Bool?
        var shape: [Int]?
        try expect("{")
        while !take("}") {
            let key = try readString()
            try expect(":")
            switch key {
            case "descr": descriptor = try readString()
            case "fortran_order": isFortranOrder = try readBool()
            case "shape": shape = try readShape()
            default: throw malformed("'descr', 'fortran_order' or 'shape'", found: "'\(key)'")
            }
            if !take(",") {
                try expect("}")
                break
            }
        }
        guard let descriptor, let isFortranOrder, let shape else {
            throw malformed("'descr', 'fortran_order' and 'shape'", found: "fewer")
        }
        return (descriptor, isFortranOrder, shape)
    }

    private mutating func readString() throws(PipelineError) -> String {
        skipSpace()
        let quote: Unicode.Scalar = take("\"") ? "\"" : "'"
        if quote == "'" { try expect("'") }
        let start = position
        while position < text.count, text[position] != UInt8(ascii: quote) { position += 1 }
        defer { position += 1 }
        guard position < text.count else { throw malformed("a closing quote", found: "the end") }
        return String(decoding: text[start..<position], as: UTF8.self)
    }

    private mutating func readBool() throws(PipelineError) -> Bool {
        skipSpace()
        for (word, value) in [("True", true), ("False", false)]
        where text[position...].starts(with: word.utf8) {
            position += word.utf8.count
            return value
        }
        throw malformed("True or False", found: "something else")
    }

    private mutating func readShape() throws(PipelineError) -> [Int] {
        var axes: [Int] = []
        try expect("(")
        while !take(")") {
            skipSpace()
            let digits = text[position...].prefix { (0x30...0x39).contains($0) }
            guard let axis = Int(String(decoding: digits, as: UTF8.self)) else {
                throw malformed("the length of an axis", found: "something else")
            }
            axes.append(axis)
            position = digits.endIndex
            if !take(",") {
                try expect(")")
                break
            }
        }
        return axes
    }

    private mutating func expect(_ wanted: Unicode.Scalar) throws(PipelineError) {
        guard take(wanted) else { throw malformed("'\(wanted)'", found: "something else") }
    }

    private mutating func take(_ wanted: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < text.count, text[position] == UInt8(ascii: wanted) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < text.count, text[position] == 0x20 || text[position] == 0x0a {
            position += 1
        }
    }

    private func malformed(_ expected: String, found: String) -> PipelineError {
        .malformed(
            file: file, .byte(base + position), expected: "\(expected) in the npy header",
            found: found)
    }
}
