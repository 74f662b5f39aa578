package import ApusPipeline

/// A part of a document as it is stored and found.
package struct Passage: Hashable, Sendable {
    /// The document's name.
    package var source: String
    package var chunk: Chunk

    package init(source: String, chunk: Chunk) {
        self.source = source
        self.chunk = chunk
    }

    /// What is embedded: the headings say what the text is about.
    var embeddedText: String {
        // The innermost one stands in the text of the section's first passage.
        let headings = chunk.headings.filter { !chunk.text.contains($0) }
        return headings.isEmpty
            ? chunk.text : headings.joined(separator: " › ") + "\n" + chunk.text
    }
}

/// A passage that answers a question, or may.
package struct PassageHit: Hashable, Sendable {
    package var passage: Passage
    /// Higher is better; comparable within one answer only.
    package var score: Float
}
