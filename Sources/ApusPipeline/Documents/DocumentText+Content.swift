extension DocumentText {
    package struct Unreadable: Error, Hashable, Sendable {
        package var reason: String
    }

    /// The text of a whole document that is in memory.
    package init(
        content: [UInt8], format: DocumentReader.Format
    ) throws(Unreadable) {
        let start = content.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
        let bytes = start == 0 ? content : Array(content[start...])
        if let zero = bytes.firstIndex(of: 0) {
            throw Unreadable(reason: "binary data (a zero byte at byte \(start + zero))")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw Unreadable(reason: "not UTF-8")
        }
        switch format {
        case .plain: self.init(bytes, sourceOffset: start)
        case .markdown: self.init(bytes, sourceOffset: start, kind: .markdown)
        case .html: self = HTMLText.extract(bytes, sourceOffset: start)
        }
    }
}
