/// The sections of a Markdown text (CommonMark, sections 4.2 to 4.5): what stands under each heading,
/// in blocks.
enum MarkdownSections {
    struct Section: Hashable {
        /// From the outermost to the section's own; without the marks.
        var headings: [String]
        /// Its heading, and the paragraphs, lists, tables and code between empty lines; code between
        /// fences is one block.
        var blocks: [Range<Int>]
    }

    /// Sections that have text, or nothing below them.
    static func sections(of bytes: [UInt8]) -> [Section] {
        var reader = SectionReader(bytes)
        reader.read()
        return reader.sections
    }

    private struct SectionReader {
        let bytes: [UInt8]
        private(set) var sections: [Section] = []
        /// The open headings with their levels.
        private var path: [(level: Int, title: String)] = []
        private var blocks: [Range<Int>] = []
        private var hasHeadingOnly = false
        /// Where the block began that is being read.
        private var blockStart: Int?
        private var fence: (mark: UInt8, length: Int)?

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        mutating func read() {
            var line = 0
            while line < bytes.count {
                let end = TextUnits.endOfLine(in: bytes, from: line, bytes.count)
                read(line..<end)
                line = end + 1
            }
            endBlock(bytes.count)
            endSection(nextLevel: 0)
        }

        private mutating func read(_ line: Range<Int>) {
            if let fence {
                if let mark = fenceMark(line), mark.mark == fence.mark, mark.length >= fence.length
                {
                    self.fence = nil
                    endBlock(line.upperBound)
                }
            } else if let mark = fenceMark(line) {
                endBlock(line.lowerBound)
                blockStart = line.lowerBound
                fence = mark
            } else if TextUnits.isBlank(bytes, line) {
                endBlock(line.lowerBound)
            } else if let heading = heading(line) {
                endBlock(line.lowerBound)
                begin(heading.level, heading.title, line)
            } else if let level = underline(line), let start = blockStart {
                blockStart = nil
                begin(level, title(start..<line.lowerBound), start..<line.upperBound)
            } else if blockStart == nil {
                blockStart = line.lowerBound
            }
        }

        private mutating func begin(_ level: Int, _ title: String, _ lines: Range<Int>) {
            endSection(nextLevel: level)
            while let last = path.last, last.level >= level { path.removeLast() }
            path.append((level, title))
            TextUnits.appendTrimmed(bytes, lines, to: &blocks)
            hasHeadingOnly = true
        }

        private mutating func endBlock(_ end: Int) {
            guard let start = blockStart else { return }
            blockStart = nil
            TextUnits.appendTrimmed(bytes, start..<end, to: &blocks)
            hasHeadingOnly = false
        }

        private mutating func endSection(nextLevel: Int) {
            defer { blocks = [] }
            let level = path.last?.level ?? 0
            // A heading right above a deeper one lives on in the other's headings.
            if blocks.isEmpty || (hasHeadingOnly && nextLevel > level) { return }
            sections.append(Section(headings: path.map(\.title), blocks: blocks))
        }

        /// `## Title ##`
        private func heading(_ line: Range<Int>) -> (level: Int, title: String)? {
            guard let start = unindented(line) else { return nil }
            let level = bytes[start..<line.upperBound].prefix { $0 == UInt8(ascii: "#") }.count
            let rest = (start + level)..<line.upperBound
            guard (1...6).contains(level), rest.isEmpty || TextUnits.isSpace(bytes[rest.lowerBound])
            else { return nil }
            return (level, title(rest))
        }

        /// The level that a line of "=" or "-" gives to the paragraph above it.
        private func underline(_ line: Range<Int>) -> Int? {
            guard let start = unindented(line) else { return nil }
            let mark = bytes[start]
            guard mark == UInt8(ascii: "=") || mark == UInt8(ascii: "-"),
                bytes[start..<line.upperBound].allSatisfy({ $0 == mark || TextUnits.isSpace($0) })
            else { return nil }
            return mark == UInt8(ascii: "=") ? 1 : 2
        }

        private func fenceMark(_ line: Range<Int>) -> (mark: UInt8, length: Int)? {
            guard let start = unindented(line) else { return nil }
            let mark = bytes[start]
            guard mark == UInt8(ascii: "`") || mark == UInt8(ascii: "~") else { return nil }
            let length = bytes[start..<line.upperBound].prefix { $0 == mark }.count
            return length >= 3 ? (mark, length) : nil
        }

        /// Where the line's text begins, unless it is empty or indented like code.
        private func unindented(_ line: Range<Int>) -> Int? {
            let start = bytes[line].firstIndex { $0 != 0x20 }
            guard let start, start - line.lowerBound < 4, bytes[start] != 0x0d else { return nil }
            return start
        }

        private func title(_ range: Range<Int>) -> String {
            var trimmed: [Range<Int>] = []
            TextUnits.appendTrimmed(bytes, range, to: &trimmed)
            guard let title = trimmed.first else { return "" }
            let text = bytes[title]
            // Marks at the end are decoration, where a space stands before them.
            let marks = text.reversed().prefix { $0 == UInt8(ascii: "#") }.count
            let body = text.dropLast(marks)
            let isDecorated = marks > 0 && (body.last.map(TextUnits.isSpace) ?? true)
            let bare = isDecorated ? body : text
            return String(decoding: bare, as: UTF8.self)
                .split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
    }
}
