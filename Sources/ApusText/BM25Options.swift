package import ApusCore

/// How texts become vectors, in the wire API's words: `k`, `b`, `avg_len`, `tokenizer`, `language`,
/// `lowercase`, `ascii_folding`, `stopwords`, `stemmer`, `min_token_len`, `max_token_len`.
package struct BM25Options: Hashable, Sendable {
    /// How fast further occurrences of a word stop to count; the papers' k₁.
    package private(set) var saturation = 1.2
    /// How much the length of a text counts, from 0 to 1; the papers' b.
    package private(set) var lengthShare = 0.75
    /// Tokens of an ordinary text.
    package private(set) var averageLength = 256.0
    private(set) var analysis = TextAnalysis()

    /// English with its stop words and stems.
    package init() { analysis = Self.defaults(of: "english") }

    /// - Throws: `invalidArgument` for an unknown option or language, `validation` for a number out
    ///   of range, `unimplemented` for a language whose stop words there is no list of.
    package init(_ options: [String: JSONValue]) throws(DatabaseError) {
        self.init()
        if let language = try options.string("language") {
            analysis = try Self.analysis(of: language)
        }
        for (name, value) in options where value != .null {
            switch name {
            case "language": break
            case "k": saturation = try options.number(name, in: 0...Double.greatestFiniteMagnitude)
            case "b": lengthShare = try options.number(name, in: 0...1)
            case "avg_len":
                averageLength = try options.number(
                    name, in: Double.leastNormalMagnitude...Double.greatestFiniteMagnitude)
            case "tokenizer":
                analysis.tokenizer = try options.name(
                    name, among: ["word", "whitespace", "prefix", "multilingual"])
            case "lowercase": analysis.lowercases = try options.flag(name)
            case "ascii_folding": analysis.foldsToASCII = try options.flag(name)
            case "stopwords": analysis.stopWords = try Self.stopWords(value)
            case "stemmer": analysis.stemmer = try Self.stemmer(value)
            case "min_token_len": analysis.lengthMin = try options.count(name)
            case "max_token_len": analysis.lengthMax = try options.count(name)
            default: throw .wrongInput("qdrant/bm25 has no option `\(name)`")
            }
        }
    }

    // MARK: Languages

    /// Languages that the wire API knows stop words of, and for which there is no list here.
    private static let unlisted: Set<String> = [
        "azerbaijani", "hinglish", "kazakh", "nepali", "slovene", "tajik",
    ]

    private static func defaults(of language: String) -> TextAnalysis {
        var analysis = TextAnalysis()
        analysis.stopWords = StopWords.words(of: language) ?? []
        analysis.stemmer = Stemmer.languages.contains(language) ? language : nil
        return analysis
    }

    private static func analysis(of language: String) throws(DatabaseError) -> TextAnalysis {
        guard language != "none" else { return TextAnalysis() }
        if Stemmer.languages.contains(language) || StopWords.languages.contains(language) {
            return defaults(of: language)
        }
        throw unknown(language, of: "language")
    }

    private static func unknown(_ language: String, of option: String) -> DatabaseError {
        guard unlisted.contains(language) else {
            return .wrongInput("qdrant/bm25: \(option) `\(language)` is not known")
        }
        return DatabaseError(
            .unimplemented,
            "There is no list of stop words of `\(language)`: give them in stopwords.custom")
    }

    /// A language, or `{"languages": [language], "custom": [word]}`.
    private static func stopWords(_ value: JSONValue) throws(DatabaseError) -> Set<String> {
        switch value {
        case .string(let language): return try listed(language)
        case .object(let members):
            var words: Set<String> = []
            for language in try members.strings("languages") {
                words.formUnion(try listed(language))
            }
            return words.union(try members.strings("custom").map { $0.lowercased() })
        case .null, .bool, .integer, .double, .array:
            throw .wrongInput("qdrant/bm25: stopwords is neither a language nor an object")
        }
    }

    private static func listed(_ language: String) throws(DatabaseError) -> Set<String> {
        guard let words = StopWords.words(of: language) else {
            throw unknown(language, of: "stopwords")
        }
        return words
    }

    /// `{"type": "snowball", "language": language}` or `{"type": "none"}`.
    private static func stemmer(_ value: JSONValue) throws(DatabaseError) -> String? {
        guard case .object(let members) = value, let type = try members.string("type") else {
            throw .wrongInput("qdrant/bm25: stemmer is no object with a type")
        }
        switch type {
        case "none", "disabled": return nil
        case "snowball":
            guard let language = try members.string("language"),
                Stemmer.languages.contains(language)
            else { throw .wrongInput("qdrant/bm25: stemmer has no language that is known") }
            return language
        default: throw .wrongInput("qdrant/bm25: stemmer `\(type)` is not known")
        }
    }
}

/// Members of options by their types; null is as good as none.
extension [String: JSONValue] {
    fileprivate func string(_ name: String) throws(DatabaseError) -> String? {
        switch self[name] {
        case .string(let text): return text
        case nil, .null: return nil
        default: throw .wrongInput("qdrant/bm25: \(name) is no string")
        }
    }

    /// Of the option `stopwords`.
    fileprivate func strings(_ name: String) throws(DatabaseError) -> [String] {
        guard let value = self[name], value != .null else { return [] }
        guard case .array(let elements) = value else {
            throw .wrongInput("qdrant/bm25: stopwords.\(name) is no list of strings")
        }
        var strings: [String] = []
        for element in elements {
            guard case .string(let text) = element else {
                throw .wrongInput("qdrant/bm25: stopwords.\(name) is no list of strings")
            }
            strings.append(text)
        }
        return strings
    }

    fileprivate func name(
        _ name: String, among known: [String]
    ) throws(DatabaseError) -> String {
        let text = try string(name) ?? ""
        guard known.contains(text) else {
            throw .wrongInput(
                "qdrant/bm25: \(name) is `\(text)`, expected one of "
                    + known.joined(separator: ", "))
        }
        return text
    }

    fileprivate func flag(_ name: String) throws(DatabaseError) -> Bool {
        guard case .bool(let value)? = self[name] else {
            throw .wrongInput("qdrant/bm25: \(name) is neither true nor false")
        }
        return value
    }

    fileprivate func number(
        _ name: String, in bounds: ClosedRange<Double>
    ) throws(DatabaseError) -> Double {
        let number: Double
        switch self[name] {
        case .integer(let value): number = Double(value)
        case .double(let value): number = value
        default: throw .wrongInput("qdrant/bm25: \(name) is no number")
        }
        guard bounds.contains(number) else {
            throw DatabaseError(
                .validation, "Validation error: qdrant/bm25: \(name) is \(number), out of range")
        }
        return number
    }

    fileprivate func count(_ name: String) throws(DatabaseError) -> Int {
        let value = try number(name, in: 0...Double(UInt32.max))
        guard let count = Int(exactly: value) else {
            throw .wrongInput("qdrant/bm25: \(name) is no whole number")
        }
        return count
    }
}
