/// A piece of a document as plain text, and where each part of it stands in the source file.
package struct DocumentText: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case plain
        case markdown
    }

    /// From `textOffset` on, the bytes of the text are those of the source from `sourceOffset` on,
    /// up to the next anchor.
    struct Anchor: Hashable, Sendable {
        var textOffset: Int
        var sourceOffset: Int
    }

    package var kind: Kind
    /// UTF-8, always valid.
    package private(set) var bytes: [UInt8]
    private var anchors: [Anchor]

    /// Text that is the source itself from `sourceOffset` on.
    package init(_ bytes: [UInt8], sourceOffset: Int = 0, kind: Kind = .plain) {
        self.bytes = bytes
        self.kind = kind
        anchors = [Anchor(textOffset: 0, sourceOffset: sourceOffset)]
    }

    init(bytes: [UInt8], anchors: [Anchor], kind: Kind) {
        self.bytes = bytes
        self.anchors = anchors
        self.kind = kind
    }

    /// The byte of the source file where the text's byte `offset` comes from. O(log anchors).
    package func sourceOffset(of offset: Int) -> Int {
        var low = 0
        var high = anchors.count
        while low < high {
            let middle = (low + high) / 2
            if anchors[middle].textOffset <= offset { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return offset }
        let anchor = anchors[low - 1]
        return anchor.sourceOffset + offset - anchor.textOffset
    }

    /// A range of the text as a string.
    package func string(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }
}
