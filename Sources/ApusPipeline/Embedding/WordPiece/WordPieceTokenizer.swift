/// Cuts texts into the tokens of a BERT vocabulary (Wu et al., "Google's Neural Machine Translation
/// System", 2016, section 4.1; as in Devlin et al., "BERT", 2018): each word into the longest tokens,
/// from left to right.
///
/// Texts never produce the special tokens: "[SEP]" in a text is five characters.
package struct WordPieceTokenizer: Sendable {
    /// A word of more scalars is one unknown token.
    static let wordLengthMax = 100
    private static let continuation = "##"

    package let tokenCount: Int
    private let trie: TokenTrie
    private let shortWords: ShortWords
    private let continuationNode: UInt32?
    private let lowercasing: Bool
    let unknown: UInt32
    let start: UInt32
    let end: UInt32

    /// A vocabulary as `vocab.txt` has it: one token a line, numbered from 0. `name` is what errors
    /// call it.
    package init(
        vocabulary: [UInt8], named name: String, lowercasing: Bool = true
    ) throws(PipelineError) {
        var trie = TokenTrie()
        var shortWords = ShortWords()
        var count: UInt32 = 0
        var lines = vocabulary.split(separator: 0x0a, omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for line in lines {
            let token = line.last == 0x0d ? line.dropLast() : line
            guard token.isEmpty || trie.insert(token, token: count) else {
                throw .unsupported(
                    file: name, expected: "at most \(TokenTrie.nodesMax) different beginnings",
                    found: "more, at line \(count + 1)")
            }
            shortWords.insert(token, token: count)
            count += 1
        }
        func special(_ token: String) throws(PipelineError) -> UInt32 {
            guard let number = trie.node(at: token.utf8).flatMap(trie.token) else {
                throw .unsupported(file: name, expected: "a token \(token)", found: "none")
            }
            return number
        }
        unknown = try special("[UNK]")
        start = try special("[CLS]")
        end = try special("[SEP]")
        continuationNode = trie.node(at: Self.continuation.utf8)
        tokenCount = Int(count)
        self.trie = trie
        self.shortWords = shortWords
        self.lowercasing = lowercasing
    }

    /// The tokens of a text, at most `limit`, without the special ones. O(bytes).
    package func tokens(of text: some StringProtocol, limit: Int = .max) -> [UInt32] {
        let bytes = NormalizedText(text, lowercasing: lowercasing).bytes
        var tokens: [UInt32] = []
        tokens.reserveCapacity(max(0, min(limit, bytes.count / 4)))
        var position = 0
        while position < bytes.count, tokens.count < limit {
            if bytes[position] == 0x20 {
                position += 1
                continue
            }
            var end = position + 1
            if !NormalizedText.isPunctuation(bytes[position]) {
                while end < bytes.count, bytes[end] != 0x20,
                    !NormalizedText.isPunctuation(bytes[end])
                {
                    end += 1
                }
            }
            appendTokens(of: bytes, position..<end, to: &tokens)
            position = end
        }
        if tokens.count > limit { tokens.removeLast(tokens.count - limit) }
        return tokens
    }

    /// The same between the tokens that mark start and end, in all at most `limit` (at least 2).
    package func sequence(of text: some StringProtocol, limit: Int = .max) -> [UInt32] {
        [start] + tokens(of: text, limit: limit - 2) + [end]
    }

    private func appendTokens(of bytes: [UInt8], _ word: Range<Int>, to tokens: inout [UInt32]) {
        if let token = shortWords.token(of: bytes, word) {
            tokens.append(token)
            return
        }
        let before = tokens.count
        guard Self.scalarCount(of: bytes, word) <= Self.wordLengthMax else {
            tokens.append(unknown)
            return
        }
        var position = word.lowerBound
        while position < word.upperBound {
            let node = position == word.lowerBound ? TokenTrie.root : continuationNode
            guard let node,
                let found = trie.longestToken(from: node, in: bytes, position..<word.upperBound)
            else {
                // One part that is unknown makes the whole word so.
                tokens.removeLast(tokens.count - before)
                tokens.append(unknown)
                return
            }
            tokens.append(found.token)
            position = found.end
        }
    }

    private static func scalarCount(of bytes: [UInt8], _ word: Range<Int>) -> Int {
        guard word.count > wordLengthMax else { return word.count }
        return bytes[word].count { $0 & 0xc0 != 0x80 }
    }
}
