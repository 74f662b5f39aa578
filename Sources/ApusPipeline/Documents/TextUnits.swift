/// Parts of a UTF-8 text as ranges of its bytes, without the white space around them.
enum TextUnits {
    /// What stands between white space.
    static func words(in bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        var words: [Range<Int>] = []
        var position = range.lowerBound
        while position < range.upperBound {
            let start = position
            while position < range.upperBound, !isSpace(bytes[position]) { position += 1 }
            if position > start { words.append(start..<position) }
            position += 1
        }
        return words
    }

    /// Lines that are not empty.
    static func lines(in bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        var lines: [Range<Int>] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let end = endOfLine(in: bytes, from: start, range.upperBound)
            appendTrimmed(bytes, start..<end, to: &lines)
            start = end + 1
        }
        return lines
    }

    /// What stands between empty lines.
    static func paragraphs(in bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        var paragraphs: [Range<Int>] = []
        var start = range.lowerBound
        var line = start
        while line < range.upperBound {
            let end = endOfLine(in: bytes, from: line, range.upperBound)
            if isBlank(bytes, line..<end) {
                appendTrimmed(bytes, start..<line, to: &paragraphs)
                start = end
            }
            line = end + 1
        }
        appendTrimmed(bytes, start..<range.upperBound, to: &paragraphs)
        return paragraphs
    }

    /// Sentences, by their marks: one of ". ! ? …", then closing quotes and brackets, then white space
    /// and no lowercase letter; or one of "。！？", whatever follows; or an empty line. The dots of
    /// initials and of common abbreviations end no sentence.
    static func sentences(in bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        var sentences: [Range<Int>] = []
        for paragraph in paragraphs(in: bytes, range) {
            var start = paragraph.lowerBound
            var position = start
            while position < paragraph.upperBound {
                let mark = markLength(bytes, position, paragraph.upperBound)
                guard mark.length > 0 else {
                    position += 1
                    continue
                }
                let dot = position
                position = endOfMarks(bytes, position + mark.length, paragraph.upperBound)
                let isEnd =
                    mark.isWide
                    || (isFollowedByStart(bytes, position, paragraph.upperBound)
                        && !isAbbreviation(bytes, start..<dot))
                if isEnd {
                    appendTrimmed(bytes, start..<position, to: &sentences)
                    start = position
                }
            }
            appendTrimmed(bytes, start..<paragraph.upperBound, to: &sentences)
        }
        return sentences
    }

    /// Two parts, cut between characters; one where there is only one character.
    static func halves(in bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        let middle = characterStart(
            in: bytes, atOrBefore: range.lowerBound + (range.count + 1) / 2)
        guard middle > range.lowerBound, middle < range.upperBound else {
            // The first character may be longer than half of the range.
            var next = range.lowerBound + 1
            while next < range.upperBound, bytes[next] & 0xc0 == 0x80 { next += 1 }
            return next < range.upperBound
                ? [range.lowerBound..<next, next..<range.upperBound] : [range]
        }
        return [range.lowerBound..<middle, middle..<range.upperBound]
    }

    /// Where the character begins that `offset` lies in; the end of the text is a beginning too.
    static func characterStart(in bytes: [UInt8], atOrBefore offset: Int) -> Int {
        var start = min(max(0, offset), bytes.count)
        while start > 0, start < bytes.count, bytes[start] & 0xc0 == 0x80 { start -= 1 }
        return start
    }

    static func isBlank(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        bytes[range].allSatisfy(isSpace)
    }

    static func endOfLine(in bytes: [UInt8], from start: Int, _ limit: Int) -> Int {
        bytes[start..<limit].firstIndex(of: 0x0a) ?? limit
    }

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0d).contains(byte)
    }

    static func appendTrimmed(
        _ bytes: [UInt8], _ range: Range<Int>, to units: inout [Range<Int>]
    ) {
        guard let first = bytes[range].firstIndex(where: { !isSpace($0) }),
            let last = bytes[range].lastIndex(where: { !isSpace($0) })
        else { return }
        units.append(first..<(last + 1))
    }

    // MARK: Ends of sentences

    private static let wideMarks = ["。", "！", "？"].map { Array($0.utf8) }
    private static let ellipsis = Array("…".utf8)
    private static let closers =
        ["\"", "'", ")", "]", "}", "*", "_", "”", "’", "»", "」", "』", "）"].map {
            Array($0.utf8)
        }

    private static func markLength(
        _ bytes: [UInt8], _ position: Int, _ limit: Int
    ) -> (length: Int, isWide: Bool) {
        switch bytes[position] {
        case UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "?"): return (1, false)
        case 0x00..<0x80: return (0, false)
        default:
            let rest = bytes[position..<limit]
            if rest.starts(with: ellipsis) { return (3, false) }
            return wideMarks.contains { rest.starts(with: $0) } ? (3, true) : (0, false)
        }
    }

    /// Past further marks, and quotes and brackets that close.
    private static func endOfMarks(_ bytes: [UInt8], _ start: Int, _ limit: Int) -> Int {
        var position = start
        while position < limit {
            let mark = markLength(bytes, position, limit).length
            let rest = bytes[position..<limit]
            let length =
                mark > 0 ? mark : closers.first { rest.starts(with: $0) }?.count ?? 0
            guard length > 0 else { break }
            position += length
        }
        return position
    }

    private static func isFollowedByStart(
        _ bytes: [UInt8], _ position: Int, _ limit: Int
    ) -> Bool {
        guard position < limit else { return true }
        guard isSpace(bytes[position]) else { return false }
        let next = bytes[position..<limit].first { !isSpace($0) }
        return next.map { !(0x61...0x7a).contains($0) } ?? true
    }

    private static let abbreviations: Set<String> = [
        "mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "cf", "no", "fig", "vol", "pp",
        "approx", "ca", "al", "inc", "ltd", "jr", "sr", "z.b", "d.h", "bzw", "usw",
    ]

    /// Whether the text before a dot ends with an abbreviation or a single capital.
    private static func isAbbreviation(_ bytes: [UInt8], _ before: Range<Int>) -> Bool {
        let tail = bytes[max(before.lowerBound, before.upperBound - 8)..<before.upperBound]
        let start = tail.lastIndex { isSpace($0) || $0 == UInt8(ascii: "(") }.map { $0 + 1 }
        let word = tail[(start ?? tail.startIndex)...]
        if word.count == 1, let letter = word.first, (0x41...0x5a).contains(letter) { return true }
        return abbreviations.contains(String(decoding: word, as: UTF8.self).lowercased())
    }
}
