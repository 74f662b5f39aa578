internal import ApusCore

/// What becomes of a text before its words are counted: it is split, letters are folded and brought to
/// lower case, stop words are left out, and what remains is cut to its stems.
struct TextAnalysis: Hashable, Sendable {
    /// `word`, `whitespace`, `prefix` or `multilingual`, which splits as `word` does.
    var tokenizer = "word"
    var lowercases = true
    /// Latin letters with marks become those without.
    var foldsToASCII = false
    var stopWords: Set<String> = []
    /// The language of the Snowball algorithm; nil: words stay as they are.
    var stemmer: String?
    /// Unicode scalars of a token, after all else.
    var lengthMin: Int?
    var lengthMax: Int?

    func documentTokens(of text: String) -> [String] {
        let stemmer = stemmer.flatMap { Stemmer(language: $0) }
        return splitting.documentTokens(of: text) { form(of: $0, stemmer) }
    }

    /// Of the tokenizer `prefix` only the longest prefixes.
    func queryTokens(of text: String) -> [String] {
        let stemmer = stemmer.flatMap { Stemmer(language: $0) }
        return splitting.queryTokens(of: text) { form(of: $0, stemmer) }
    }

    private var splitting: TextTokenizer {
        var parameters: [String: JSONValue] = [
            "tokenizer": .string(tokenizer), "lowercase": .bool(lowercases),
        ]
        if let lengthMin { parameters["min_token_len"] = .integer(Int64(lengthMin)) }
        if let lengthMax { parameters["max_token_len"] = .integer(Int64(lengthMax)) }
        return TextTokenizer(parameters)
    }

    /// What counts in place of a word; nil: nothing.
    private func form(of word: String, _ stemmer: Stemmer?) -> String? {
        let word = foldsToASCII ? ASCIIFolding.folded(word) : word
        guard !stopWords.contains(word) else { return nil }
        return stemmer?.stem(word) ?? word
    }
}
