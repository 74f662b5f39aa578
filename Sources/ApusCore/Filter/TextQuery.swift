/// A full-text condition: it compares tokens, not substrings.
struct TextQuery: Sendable {
    private enum Mode: Sendable { case all, any, phrase }

    private let mode: Mode
    private let tokens: [String]
    private let tokenizer: TextTokenizer

    /// nil when the predicate is not about text. `parameters` are those of the field's text index.
    init?(_ predicate: FieldPredicate, parameters: [String: JSONValue]) {
        let tokenizer = TextTokenizer(parameters)
        switch predicate {
        case .matchText(let text):
            mode = .all
            tokens = tokenizer.queryTokens(of: text)
        case .matchTextAny(let text):
            mode = .any
            tokens = tokenizer.queryTokens(of: text)
        case .matchPhrase(let text):
            mode = .phrase
            tokens = tokenizer.documentTokens(of: text)
        default:
            return nil
        }
        self.tokenizer = tokenizer
    }

    /// Whether the texts of a value (a string, or an array's strings together) satisfy the query.
    /// A query without tokens matches nothing.
    func matches<Node: PayloadNode>(_ value: Node) -> Bool {
        guard !tokens.isEmpty else { return false }
        var texts: [[String]] = []
        if let text = Self.text(of: value) {
            texts.append(tokenizer.documentTokens(of: text))
        } else {
            _ = value.anyElement { element in
                if let text = Self.text(of: element) {
                    texts.append(tokenizer.documentTokens(of: text))
                }
                return false
            }
        }
        switch mode {
        case .all:
            let present = Set(texts.joined())
            return tokens.allSatisfy(present.contains)
        case .any:
            let wanted = Set(tokens)
            return texts.joined().contains(where: wanted.contains)
        case .phrase:
            return texts.contains { Self.occurs(tokens, in: $0) }
        }
    }

    private static func text<Node: PayloadNode>(of value: Node) -> String? {
        value.withText { bytes in
            var text: [UInt8] = []
            text.reserveCapacity(bytes.count)
            for index in 0..<bytes.count { text.append(bytes[index]) }
            return String(decoding: text, as: UTF8.self)
        }
    }

    private static func occurs(_ phrase: [String], in text: [String]) -> Bool {
        guard phrase.count <= text.count else { return false }
        return (0...(text.count - phrase.count)).contains { start in
            text[start..<(start + phrase.count)].elementsEqual(phrase)
        }
    }
}

/// Splits text into tokens as the parameters of a text index say (`tokenizer`, `lowercase`,
/// `min_token_len`, `max_token_len`).
///
/// `multilingual` splits as `word` does.
struct TextTokenizer: Sendable {
    private enum Splitting: Sendable { case word, whitespace, prefix }

    private let splitting: Splitting
    private let lowercases: Bool
    private let lengthMin: Int
    private let lengthMax: Int

    init(_ parameters: [String: JSONValue]) {
        switch parameters["tokenizer"] {
        case .string("whitespace"): splitting = .whitespace
        case .string("prefix"): splitting = .prefix
        default: splitting = .word
        }
        lowercases = parameters["lowercase"] != .bool(false)
        lengthMin = Self.length(parameters["min_token_len"]) ?? 1
        lengthMax = Self.length(parameters["max_token_len"]) ?? .max
    }

    private static func length(_ value: JSONValue?) -> Int? {
        guard case .integer(let number)? = value, number > 0 else { return nil }
        return Int(number)
    }

    /// The tokens that a stored text is found by. The prefix tokenizer gives every prefix of a
    /// word within the length bounds.
    func documentTokens(of text: String) -> [String] {
        switch splitting {
        case .word, .whitespace: return words(of: text).filter(isWithinBounds)
        case .prefix:
            return words(of: text).flatMap { word -> [String] in
                let scalars = Array(word.unicodeScalars)
                guard lengthMin <= scalars.count else { return [] }
                return (lengthMin...min(lengthMax, scalars.count)).map { length in
                    String(String.UnicodeScalarView(scalars[..<length]))
                }
            }
        }
    }

    /// The tokens that a query asks for. The prefix tokenizer cuts words at the longest prefix.
    func queryTokens(of text: String) -> [String] {
        switch splitting {
        case .word, .whitespace: words(of: text).filter(isWithinBounds)
        case .prefix:
            words(of: text).filter { $0.unicodeScalars.count >= lengthMin }.map {
                String($0.unicodeScalars.prefix(lengthMax))
            }
        }
    }

    private func words(of text: String) -> [String] {
        let parts = text.unicodeScalars.split { scalar in
            if splitting == .whitespace { return scalar.properties.isWhitespace }
            return !scalar.properties.isAlphabetic && scalar.properties.numericType == nil
        }
        return parts.map { lowercases ? String($0).lowercased() : String($0) }
    }

    private func isWithinBounds(_ token: String) -> Bool {
        let length = token.unicodeScalars.count
        return length >= lengthMin && length <= lengthMax
    }
}
