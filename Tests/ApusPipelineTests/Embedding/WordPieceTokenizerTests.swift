import ApusPipeline
import Testing

@Suite struct WordPieceTokenizerTests {
    private static let words = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "un", "##aff", "##able", "##affable", "cafe",
        ".", "#", "日", "a",
    ]

    private func tokenizer(
        _ words: [String] = words, lowercasing: Bool = true, lineEnd: String = "\n"
    ) throws -> WordPieceTokenizer {
        try WordPieceTokenizer(
            vocabulary: Array(words.map { $0 + lineEnd }.joined().utf8), named: "vocab.txt",
            lowercasing: lowercasing)
    }

    @Test func wordsFallIntoTheirLongestParts() throws {
        let tokenizer = try tokenizer()
        #expect(tokenizer.tokens(of: "unaffable") == [5, 8])
        #expect(tokenizer.tokens(of: "unaff the") == [5, 6, 4])
        #expect(tokenizer.tokens(of: "unaffx the") == [1, 4])
    }

    /// Those of up to eight bytes are found in another way than longer ones.
    @Test func wordsThatAreTokensAreFoundWhateverTheirLength() throws {
        let words = (1...20).map { String("qwertyuiopasdfghjklz".prefix($0)) }
        let many = (0..<500).map { "w\($0)" }
        let more = words + many + ["語", "##rest", words[3], words[11]]
        let tokenizer = try tokenizer(Self.words + more)
        let first = UInt32(Self.words.count)
        let last = first + UInt32(more.count) - 1
        var expected = (first..<(first + 520)).map { $0 }
        // Of equal tokens the last counts.
        (expected[3], expected[11]) = (last - 1, last)
        #expect(tokenizer.tokens(of: (words + many).joined(separator: " ")) == expected)
        #expect(
            tokenizer.tokens(of: "qrest qwertyuirest w7rest 語") == [
                first, last - 2, first + 7, last - 2, first + 27, last - 2, last - 3,
            ])
    }

    @Test func accentsCaseAndShapelessCharactersDoNotCount() throws {
        let tokenizer = try tokenizer()
        #expect(tokenizer.tokens(of: "CAF\u{c9} cafe\u{301} ca\u{200b}fe") == [9, 9, 9])
        #expect(tokenizer.tokens(of: "the\u{a0}the\u{3000}the\tthe\r\nthe") == [4, 4, 4, 4, 4])
        #expect(tokenizer.tokens(of: "t\0h\u{7}e") == [4])
    }

    @Test func marksAndIdeographsStandAlone() throws {
        let tokenizer = try tokenizer()
        #expect(tokenizer.tokens(of: "the.the##the") == [4, 10, 4, 11, 11, 4])
        #expect(tokenizer.tokens(of: "日日the") == [12, 12, 4])
        #expect(tokenizer.tokens(of: "the—the") == [4, 1, 4])
        #expect(tokenizer.tokens(of: "CAFE—日🌍") == [9, 1, 12, 1])
        #expect(tokenizer.tokens(of: "CAFÉ—日") == [9, 1, 12])
    }

    @Test func caseIsKeptWhereTheModelKnowsIt() throws {
        let tokenizer = try tokenizer(Self.words + ["The"], lowercasing: false)
        #expect(tokenizer.tokens(of: "The the") == [14, 4])
    }

    @Test func specialTokensCannotBeWritten() throws {
        let tokenizer = try tokenizer()
        #expect(Set(tokenizer.tokens(of: "[CLS] [SEP] [PAD]")).isDisjoint(with: [0, 2, 3]))
    }

    @Test func limitsCutFromTheEnd() throws {
        let tokenizer = try tokenizer()
        #expect(tokenizer.sequence(of: "the unaffable the", limit: 4) == [2, 4, 5, 3])
        #expect(tokenizer.sequence(of: "the the", limit: 2) == [2, 3])
        #expect(tokenizer.sequence(of: "") == [2, 3])
    }

    @Test func veryLongWordsAreUnknown() throws {
        let tokenizer = try tokenizer(Self.words + ["##a"])
        #expect(tokenizer.tokens(of: String(repeating: "a", count: 100)).count == 100)
        #expect(tokenizer.tokens(of: String(repeating: "a", count: 101)) == [1])
        // Scalars count, not bytes.
        #expect(tokenizer.tokens(of: String(repeating: "ß", count: 60)) == [1])
    }

    @Test func windowsLineEndsAreNoPartOfTokens() throws {
        #expect(try tokenizer(lineEnd: "\r\n").tokens(of: "the") == [4])
    }

    @Test func vocabulariesWithoutTheSpecialTokensAreRefused() {
        for missing in ["[UNK]", "[CLS]", "[SEP]"] {
            let error = #expect(throws: PipelineError.self) {
                _ = try tokenizer(Self.words.filter { $0 != missing })
            }
            #expect(error?.description.contains(missing) == true)
        }
        #expect(throws: PipelineError.self) { _ = try tokenizer([]) }
    }

    /// The vocabulary of the static vectors is that of the model.
    @Test func tokensAreThoseOfTheReference() throws {
        let tokenizer = try StaticEmbedder().tokenizer
        for each in try EmbeddingFixtures.cases("minilm.json") {
            #expect(tokenizer.sequence(of: each.text, limit: 256) == each.tokens, "\(each.text)")
        }
    }
}
