/// Why a file was left out.
package struct DocumentWarning: Hashable, Sendable, CustomStringConvertible {
    package var file: String
    package var reason: String

    package init(file: String, reason: String) {
        self.file = file
        self.reason = reason
    }

    package var description: String { "\(file): \(reason)" }
}

/// Reads the text of a file piece by piece, so that a file of any size takes bounded memory.
///
/// | ending | read as |
/// |---|---|
/// | `.md` `.markdown` | Markdown |
/// | `.html` `.htm` `.xhtml` | the text between the tags |
/// | `.txt` `.text` `.rst` `.csv` `.tsv` `.json` `.jsonl` | text, as it is |
package struct DocumentReader: Sendable {
    package enum Format: Hashable, Sendable {
        case plain
        case markdown
        case html

        /// By the ending of the name; nil for what is not read.
        package init?(path: String) {
            let name = path.split(separator: "/").last ?? ""
            guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
            switch name[name.index(after: dot)...].lowercased() {
            case "md", "markdown": self = .markdown
            case "html", "htm", "xhtml": self = .html
            case "txt", "text", "rst", "csv", "tsv", "json", "jsonl": self = .plain
            default: return nil
            }
        }
    }

    /// Bytes of a piece; it ends with a line where there is one.
    package static let pieceSize = 4 << 20
    /// A page has to be read whole, because a tag may begin anywhere.
    package static let pageSizeMax = 32 << 20

    package let format: Format
    private let file: InputFile
    private let pieceSize: Int

    /// Throws for a file that cannot be opened.
    package init(
        path: String, format: Format, pieceSize: Int = Self.pieceSize
    ) throws(PipelineError) {
        file = try InputFile(path: path)
        self.format = format
        self.pieceSize = max(16, pieceSize)
    }

    package func pieces() -> Pieces { Pieces(file, format, pieceSize: pieceSize) }

    /// The pieces of a file, in order.
    package struct Pieces {
        /// Why the file, or the rest of it, was left out: bytes that are no UTF-8, or that no text
        /// has. nil: it was not, so far.
        package private(set) var warning: DocumentWarning?
        private let file: InputFile
        private let format: Format
        private let pieceSize: Int
        private var offset = 0

        fileprivate init(_ file: InputFile, _ format: Format, pieceSize: Int) {
            self.file = file
            self.format = format
            self.pieceSize = pieceSize
        }

        /// The next piece; nil at the end, and where `warning` says why there is no more.
        package mutating func next() throws(PipelineError) -> DocumentText? {
            if offset == 0 {
                if format == .html, file.size > DocumentReader.pageSizeMax {
                    return end("a page of more than \(DocumentReader.pageSizeMax) bytes")
                }
                if try file.read(at: 0, count: 3) == [0xef, 0xbb, 0xbf] { offset = 3 }
            }
            guard warning == nil, offset < file.size else { return nil }
            let wanted = format == .html ? file.size - offset : pieceSize
            var bytes = try file.read(at: offset, count: wanted)
            // Nothing comes where the file was cut shorter while it was read.
            guard !bytes.isEmpty else { return nil }
            if let zero = bytes.firstIndex(of: 0) {
                return end("binary data (a zero byte at byte \(offset + zero))")
            }
            if offset + bytes.count < file.size { DocumentReader.dropUnfinishedEnd(of: &bytes) }
            guard String(validating: bytes, as: UTF8.self) != nil else {
                return end("not UTF-8, in the \(bytes.count) bytes from byte \(offset) on")
            }
            defer { offset += bytes.count }
            switch format {
            case .plain: return DocumentText(bytes, sourceOffset: offset)
            case .markdown: return DocumentText(bytes, sourceOffset: offset, kind: .markdown)
            case .html: return HTMLText.extract(bytes, sourceOffset: offset)
            }
        }

        private mutating func end(_ reason: String) -> DocumentText? {
            warning = DocumentWarning(file: file.path, reason: reason)
            return nil
        }
    }

    /// Ends the piece with its last line; without one, with its last whole character.
    fileprivate static func dropUnfinishedEnd(of bytes: inout [UInt8]) {
        if let end = bytes.lastIndex(of: 0x0a) {
            bytes.removeLast(bytes.count - 1 - end)
            return
        }
        // At most three bytes of a character can be missing its fourth.
        for back in 1...min(4, bytes.count) {
            let byte = bytes[bytes.count - back]
            if byte & 0xc0 == 0x80 { continue }
            let length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
            if length > back, bytes.count > back { bytes.removeLast(back) }
            return
        }
    }
}
