import ApusPipeline
import TestSupport
import Testing

@Suite struct ChunkerTests {
    private let tokenizer: WordPieceTokenizer

    init() throws { tokenizer = try StaticEmbedder().tokenizer }

    private func chunks(
        _ text: String, _ rule: ChunkRule, kind: DocumentText.Kind = .plain
    ) -> [Chunk] {
        Chunker(rule, tokenizer: tokenizer)
            .chunks(of: DocumentText(Array(text.utf8), kind: kind))
    }

    /// What the chunks say about the source is what stands there.
    private func expectFaithful(
        _ chunks: [Chunk], _ text: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let bytes = Array(text.utf8)
        for chunk in chunks {
            #expect(
                String(decoding: bytes[chunk.source], as: UTF8.self) == chunk.text,
                sourceLocation: sourceLocation)
            let isBlank = chunk.text.allSatisfy(\.isWhitespace)
            #expect(!isBlank, sourceLocation: sourceLocation)
        }
    }

    @Test func sentencesEndWhereReadersSeeIt() {
        let text =
            "Dr. Who paid 3.14 dollars, e.g. for tea. \"Really?\" she asked. No! It was J. Smith.\n\n"
            + "A title without a mark\n\nWait... what? 日本です。はい！"
        let found = chunks(text, .sentences(tokensMax: 1, overlap: 0)).isEmpty
        #expect(!found)
        let whole = chunks(text, .sentences(tokensMax: 18, overlap: 0))
        expectFaithful(whole, text)
        #expect(whole.first?.text == "Dr. Who paid 3.14 dollars, e.g. for tea.")
        #expect(whole.contains { $0.text.hasSuffix("J. Smith.") })
    }

    @Test func chunksFitTheirLimit() {
        let text = (1...400).map { "Sentence number \($0) is about topic \($0 % 7)." }
            .joined(separator: " ")
        for rule: ChunkRule in [
            .words(tokensMax: 30, overlap: 0), .words(tokensMax: 30, overlap: 10),
            .sentences(tokensMax: 30, overlap: 0), .sentences(tokensMax: 30, overlap: 12),
            .structure(tokensMax: 30),
        ] {
            let chunks = chunks(text, rule)
            expectFaithful(chunks, text)
            #expect(chunks.count > 50)
            for chunk in chunks {
                #expect(tokenizer.tokens(of: chunk.text).count <= 30, "\(rule): \(chunk.text)")
            }
        }
    }

    @Test func overlapRepeatsWholeUnits() {
        let text = "One two. Three four. Five six. Seven eight. Nine ten."
        let chunks = chunks(text, .sentences(tokensMax: 9, overlap: 3))
        expectFaithful(chunks, text)
        #expect(chunks.map(\.text).first == "One two. Three four. Five six.")
        #expect(chunks.map(\.text).dropFirst().first == "Five six. Seven eight. Nine ten.")
        #expect(chunks.count == 2)
    }

    @Test func nothingIsLost() {
        var generator = SeededGenerator(seed: 11)
        let pieces = [
            "word ", "Sentence. ", "\n", "\n\n", "日本語。", "é", "🙂", "x", "- item\n", "# Head\n",
            "```\ncode\n```\n", "  ", "Mr. ", "\t",
        ]
        for round in 0..<60 {
            let text = (0..<Int.random(in: 0...120, using: &generator))
                .map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            for rule: ChunkRule in [
                .words(tokensMax: 5, overlap: 2), .sentences(tokensMax: 7, overlap: 3),
                .structure(tokensMax: 6), .window(bytes: 16, overlap: 5),
            ] {
                let found = chunks(text, rule)
                expectFaithful(found, text)
                var covered = [Bool](repeating: false, count: text.utf8.count)
                for chunk in found { for byte in chunk.source { covered[byte] = true } }
                for (byte, isCovered) in zip(text.utf8, covered) where !isCovered {
                    #expect(byte <= 0x20, "\(rule) of round \(round)")
                }
            }
        }
    }

    @Test func windowsHaveTheirSizeAndOverlap() {
        let text = String(repeating: "0123456789", count: 10)
        let chunks = chunks(text, .window(bytes: 30, overlap: 10))
        #expect(chunks.map(\.source) == [0..<30, 20..<50, 40..<70, 60..<90, 80..<100])
        let wide = String(repeating: "日", count: 50)
        for chunk in self.chunks(wide, .window(bytes: 10, overlap: 4)) {
            #expect(chunk.source.lowerBound.isMultiple(of: 3))
            #expect(chunk.text.allSatisfy { $0 == "日" })
        }
    }

    @Test func aWordOfMegabytesIsCut() {
        let text = String(repeating: "A", count: 100_000) + " end"
        let chunks = chunks(text, .structure(tokensMax: 64))
        #expect(chunks.count > 50)
        #expect(chunks.allSatisfy { $0.text.utf8.count <= 64 * 16 })
    }

    @Test func markdownKeepsSectionsApartAndKnowsTheirHeadings() {
        let text = """
            Before all.

            # One

            First.

            ## Two ##
            Second.
            ```
            # no heading

            code
            ```

            Three
            =====

            - item

            # Empty
            """
        let chunks = chunks(text, .structure(tokensMax: 100), kind: .markdown)
        expectFaithful(chunks, text)
        #expect(chunks.map(\.headings) == [[], ["One"], ["One", "Two"], ["Three"], ["Empty"]])
        #expect(chunks[1].text == "# One\n\nFirst.")
        #expect(chunks[2].text.hasSuffix("code\n```"))
        #expect(chunks[4].text == "# Empty")
    }

    @Test func aHeadingAboveAHeadingLivesOnInItsPath() {
        let chunks = chunks(
            "# Top\n## Inner\ntext\n## Next\nmore", .structure(tokensMax: 50), kind: .markdown)
        #expect(chunks.map(\.headings) == [["Top", "Inner"], ["Top", "Next"]])
    }

    @Test func sillySizesDoNotTrap() {
        for rule: ChunkRule in [
            .words(tokensMax: 0, overlap: -3), .sentences(tokensMax: -1, overlap: 100),
            .structure(tokensMax: 0), .window(bytes: 0, overlap: 10),
            .window(bytes: -5, overlap: -5),
        ] {
            let text = "some words. and 日本語"
            expectFaithful(chunks(text, rule), text)
        }
    }
}
