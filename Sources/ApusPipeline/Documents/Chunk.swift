/// A part of a document that is embedded and found as one.
package struct Chunk: Hashable, Sendable {
    package var text: String
    /// Where it stands in the source file, in bytes.
    package var source: Range<Int>
    /// The headings that it stands under, outermost first.
    package var headings: [String]

    package init(text: String, source: Range<Int>, headings: [String] = []) {
        self.text = text
        self.source = source
        self.headings = headings
    }
}

/// How documents are cut. Sizes are tokens of an embedder's vocabulary, so that nothing is lost at
/// its limit; `overlap` is how much of the end of a chunk the next one may repeat.
package enum ChunkRule: Hashable, Sendable {
    /// As many words as fit.
    case words(tokensMax: Int, overlap: Int)
    /// As many whole sentences as fit.
    case sentences(tokensMax: Int, overlap: Int)
    /// As many whole paragraphs as fit; in Markdown only of one section.
    case structure(tokensMax: Int)
    /// So many bytes, whatever they are; cut between characters.
    case window(bytes: Int, overlap: Int)
}
