/// The text of an HTML page: without tags, comments, scripts and styles, with entities resolved and
/// a line for each block. No parser: pages are read as they come, and nothing in them is an error.
enum HTMLText {
    static func extract(_ bytes: [UInt8], sourceOffset: Int = 0) -> DocumentText {
        var extraction = Extraction(bytes, sourceOffset)
        extraction.run()
        return DocumentText(bytes: extraction.text, anchors: extraction.anchors, kind: .plain)
    }

    /// Elements whose content is no text of the page.
    private static let hidden: Set<String> = [
        "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "textarea",
        "select",
    ]
    /// Elements that stand within a line; all others begin and end one.
    private static let inline: Set<String> = [
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn",
        "em", "font", "i", "img", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span",
        "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
    ]

    private struct Extraction {
        let bytes: [UInt8]
        let sourceOffset: Int
        var position = 0
        var text: [UInt8] = []
        var anchors: [DocumentText.Anchor] = []
        /// White space is due before the next character: 0 none, 1 a space, 2 a line.
        var space = 0

        init(_ bytes: [UInt8], _ sourceOffset: Int) {
            self.bytes = bytes
            self.sourceOffset = sourceOffset
        }

        mutating func run() {
            while position < bytes.count {
                switch bytes[position] {
                case UInt8(ascii: "<"): readMarkup()
                case UInt8(ascii: "&"): readEntity()
                case 0x20, 0x09, 0x0a, 0x0c, 0x0d:
                    space = max(space, 1)
                    position += 1
                default: readPlainText()
                }
            }
        }

        private mutating func readPlainText() {
            var end = position + 1
            while end < bytes.count, bytes[end] > 0x20, bytes[end] != UInt8(ascii: "<"),
                bytes[end] != UInt8(ascii: "&")
            {
                end += 1
            }
            append(bytes[position..<end], from: position)
            position = end
        }

        /// Adds bytes that stand at `start` of the page, behind the white space that is due.
        private mutating func append(_ part: some Collection<UInt8>, from start: Int) {
            if space > 0, !text.isEmpty { text.append(space == 1 ? 0x20 : 0x0a) }
            space = 0
            let source = sourceOffset + start
            if let last = anchors.last, source - last.sourceOffset == text.count - last.textOffset {
                text += part
                return
            }
            anchors.append(.init(textOffset: text.count, sourceOffset: source))
            text += part
        }

        private mutating func readMarkup() {
            if starts(with: "<!--") {
                skip(past: "-->")
            } else if starts(with: "<![CDATA[") {
                skip(past: "]]>")
            } else if starts(with: "<!") || starts(with: "<?") {
                skip(past: ">")
            } else {
                readTag()
            }
        }

        private mutating func readTag() {
            var start = position + 1
            let isEnd = start < bytes.count && bytes[start] == UInt8(ascii: "/")
            if isEnd { start += 1 }
            var end = start
            while end < bytes.count, Self.isNameByte(bytes[end]) { end += 1 }
            guard start < end, Self.isLetter(bytes[start]) else {
                // A lone "<" is text.
                append([bytes[position]], from: position)
                position += 1
                return
            }
            let name = String(decoding: bytes[start..<end], as: UTF8.self).lowercased()
            position = end
            let isEmpty = skipAttributes()
            if !HTMLText.inline.contains(name) { space = 2 }
            if !isEnd, !isEmpty, HTMLText.hidden.contains(name) { skipElement(name) }
        }

        /// Goes past the ">" of a tag, which may also stand in the quotes of an attribute; returns
        /// whether the tag closes itself.
        private mutating func skipAttributes() -> Bool {
            var quote: UInt8?
            var last: UInt8 = 0
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                if let open = quote {
                    if byte == open { quote = nil }
                } else if byte == UInt8(ascii: ">") {
                    return last == UInt8(ascii: "/")
                } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    // Quotes begin behind "=" only: an apostrophe elsewhere is no quote.
                    if last == UInt8(ascii: "=") { quote = byte }
                }
                if byte != 0x20 { last = byte }
            }
            return false
        }

        /// Goes past the end tag of a hidden element.
        private mutating func skipElement(_ name: String) {
            let end = Array("</\(name)".utf8)
            while position < bytes.count {
                if bytes[position] == end[0], bytes.count - position >= end.count,
                    zip(bytes[position...], end).allSatisfy({ Self.lowercased($0) == $1 })
                {
                    skip(past: ">")
                    return
                }
                position += 1
            }
        }

        private mutating func readEntity() {
            let limit = min(bytes.count, position + 40)
            var end = position + 1
            while end < limit, Self.isNameByte(bytes[end]) || bytes[end] == UInt8(ascii: "#") {
                end += 1
            }
            let name = String(decoding: bytes[(position + 1)..<end], as: UTF8.self)
            guard end < bytes.count, bytes[end] == UInt8(ascii: ";"),
                let resolved = HTMLEntity.text(of: name)
            else {
                append([bytes[position]], from: position)
                position += 1
                return
            }
            if resolved == "\u{a0}" {
                space = max(space, 1)
            } else {
                append(Array(resolved.utf8), from: position)
            }
            position = end + 1
        }

        private func starts(with prefix: String) -> Bool {
            bytes[position...].starts(with: prefix.utf8)
        }

        /// To the end where there is no such text.
        private mutating func skip(past end: String) {
            let end = Array(end.utf8)
            while position < bytes.count {
                if bytes[position] == end[0], bytes[position...].starts(with: end) {
                    position += end.count
                    return
                }
                position += 1
            }
        }

        private static func isLetter(_ byte: UInt8) -> Bool {
            (0x61...0x7a).contains(lowercased(byte))
        }

        private static func isNameByte(_ byte: UInt8) -> Bool {
            isLetter(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
        }

        private static func lowercased(_ byte: UInt8) -> UInt8 {
            (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
        }
    }
}
