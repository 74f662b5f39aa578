/// The lines of a text file, plain or gzip (told apart by their first bytes), in bounded memory.
package final class LineReader {
    /// Longest line that is read; a longer one is an error, so that a hostile file cannot fill
    /// the memory.
    package static let maximumLineLength = 64 << 20

    package let file: InputFile
    /// Lines returned so far, which is the 1-based number of the last one.
    package private(set) var lineNumber = 0
    private let inflater: Inflater?
    private var plainOffset = 0
    private var buffer: [UInt8] = []
    /// Bytes of `buffer` that were returned already.
    private var used = 0
    private var isAtEnd = false

    private static let pieceSize = 1 << 18

    package convenience init(path: String) throws(PipelineError) {
        try self.init(InputFile(path: path))
    }

    package init(_ file: InputFile) throws(PipelineError) {
        self.file = file
        let start = try file.read(at: 0, count: 3)
        inflater = start.starts(with: [0x1f, 0x8b]) ? try Inflater(file) : nil
        if start == [0xef, 0xbb, 0xbf] { plainOffset = 3 }
    }

    /// How much of the file has been read, 0…1.
    package var fractionRead: Double {
        guard file.size > 0 else { return 1 }
        return Double(inflater?.offset ?? plainOffset) / Double(file.size)
    }

    /// The next line without its newline; nil at the end. A last line needs no newline.
    package func next() throws(PipelineError) -> [UInt8]? {
        var searched = used
        while true {
            if let newline = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { used = newline + 1 }
                lineNumber += 1
                return Array(buffer[used..<newline])
            }
            searched = buffer.count
            if isAtEnd {
                guard used < buffer.count else { return nil }
                defer { used = buffer.count }
                lineNumber += 1
                return Array(buffer[used...])
            }
            guard buffer.count - used <= Self.maximumLineLength else {
                throw .malformed(
                    file: file.path, .line(lineNumber + 1, column: buffer.count - used),
                    expected: "a line of at most \(Self.maximumLineLength) bytes",
                    found: "a longer one")
            }
            searched -= used
            try fill()
        }
    }

    private func fill() throws(PipelineError) {
        buffer.removeFirst(used)
        used = 0
        let piece: [UInt8]
        if let inflater {
            piece = try inflater.next()
        } else {
            piece = try file.read(at: plainOffset, count: Self.pieceSize)
            plainOffset += piece.count
        }
        isAtEnd = piece.isEmpty
        buffer += piece
    }
}
