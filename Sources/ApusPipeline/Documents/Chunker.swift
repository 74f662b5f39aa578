/// Cuts documents into chunks.
///
/// Chunks are made of units (words, sentences, paragraphs): as many as fit, in order. A unit that is
/// too large for a chunk is cut into smaller ones: paragraphs into sentences, these into words, these
/// between characters.
package struct Chunker: Sendable {
    /// Bytes that count as a token at least. A vocabulary may take a very long word for one unknown
    /// token, but a chunk of megabytes is of no use.
    private static let bytesPerToken = 16

    private let rule: ChunkRule
    private let tokenizer: WordPieceTokenizer

    /// Sizes below 1 count as 1, and overlaps are less than half a chunk.
    package init(_ rule: ChunkRule, tokenizer: WordPieceTokenizer) {
        self.tokenizer = tokenizer
        self.rule =
            switch rule {
            case .words(let max, let overlap):
                .words(tokensMax: Swift.max(1, max), overlap: Self.overlap(overlap, max))
            case .sentences(let max, let overlap):
                .sentences(tokensMax: Swift.max(1, max), overlap: Self.overlap(overlap, max))
            case .structure(let max): .structure(tokensMax: Swift.max(1, max))
            case .window(let bytes, let overlap):
                .window(bytes: Swift.max(4, bytes), overlap: Self.overlap(overlap, bytes))
            }
    }

    private static func overlap(_ overlap: Int, _ size: Int) -> Int {
        max(0, min(overlap, (max(1, size) - 1) / 2))
    }

    /// The chunks of a text, in its order; white space alone makes none. O(bytes).
    package func chunks(of document: DocumentText) -> [Chunk] {
        let bytes = document.bytes
        let all = 0..<bytes.count
        switch rule {
        case .words(let tokensMax, let overlap):
            return chunks(TextUnits.words(in: bytes, all), document, tokensMax, overlap)
        case .sentences(let tokensMax, let overlap):
            return chunks(TextUnits.sentences(in: bytes, all), document, tokensMax, overlap)
        case .window(let size, let overlap):
            return windows(bytes, size, overlap).map { chunk($0, document, []) }
        case .structure(let tokensMax):
            switch document.kind {
            case .plain:
                return chunks(TextUnits.paragraphs(in: bytes, all), document, tokensMax, 0)
            case .markdown:
                return MarkdownSections.sections(of: bytes).flatMap { section in
                    chunks(section.blocks, document, tokensMax, 0, section.headings)
                }
            }
        }
    }

    private func chunk(
        _ range: Range<Int>, _ document: DocumentText, _ headings: [String]
    ) -> Chunk {
        let start = document.sourceOffset(of: range.lowerBound)
        // The end belongs to the last byte: behind it other source may begin.
        let end = document.sourceOffset(of: range.upperBound - 1) + 1
        return Chunk(
            text: document.string(range), source: start..<max(start, end), headings: headings)
    }

    // MARK: Units

    /// A part of the text and what it takes of a chunk.
    private struct Unit {
        var range: Range<Int>
        var cost: Int
    }

    private func chunks(
        _ ranges: [Range<Int>], _ document: DocumentText, _ tokensMax: Int, _ overlap: Int,
        _ headings: [String] = []
    ) -> [Chunk] {
        var units: [Unit] = []
        for range in ranges { append(range, of: document, tokensMax, to: &units) }
        return Self.pack(units, tokensMax, overlap).map { chunk($0, document, headings) }
    }

    /// Adds the unit, or the smaller ones that it has to be cut into.
    private func append(
        _ range: Range<Int>, of document: DocumentText, _ tokensMax: Int, to units: inout [Unit]
    ) {
        let cost = cost(of: range, document)
        if cost <= tokensMax {
            units.append(Unit(range: range, cost: cost))
            return
        }
        let bytes = document.bytes
        for split in [TextUnits.lines, TextUnits.sentences, TextUnits.words, TextUnits.halves] {
            let parts = split(bytes, range)
            guard parts.count > 1 else { continue }
            for part in parts { append(part, of: document, tokensMax, to: &units) }
            return
        }
        // One character: it cannot be cut.
        units.append(Unit(range: range, cost: cost))
    }

    private func cost(of range: Range<Int>, _ document: DocumentText) -> Int {
        max(
            tokenizer.tokens(of: document.string(range)).count,
            (range.count + Self.bytesPerToken - 1) / Self.bytesPerToken)
    }

    /// As many units to a chunk as fit. The next chunk begins with the last units of the one before
    /// that together cost at most `overlap`, and always with another unit than that.
    private static func pack(_ units: [Unit], _ costMax: Int, _ overlap: Int) -> [Range<Int>] {
        var chunks: [Range<Int>] = []
        var start = 0
        while start < units.count {
            var end = start
            var cost = 0
            while end < units.count, end == start || cost + units[end].cost <= costMax {
                cost += units[end].cost
                end += 1
            }
            chunks.append(units[start].range.lowerBound..<units[end - 1].range.upperBound)
            guard end < units.count else { break }
            var next = end
            var repeated = 0
            while next - 1 > start, repeated + units[next - 1].cost <= overlap {
                next -= 1
                repeated += units[next].cost
            }
            start = next
        }
        return chunks
    }

    // MARK: Windows

    private func windows(_ bytes: [UInt8], _ size: Int, _ overlap: Int) -> [Range<Int>] {
        var windows: [Range<Int>] = []
        var start = 0
        while start < bytes.count {
            let end = TextUnits.characterStart(
                in: bytes, atOrBefore: min(bytes.count, start + size))
            let window = start..<max(end, start + 1)
            if !TextUnits.isBlank(bytes, window) { windows.append(window) }
            guard window.upperBound < bytes.count else { break }
            let next = TextUnits.characterStart(
                in: bytes, atOrBefore: window.upperBound - overlap)
            start = next > start ? next : window.upperBound
        }
        return windows
    }
}
