/// A full-text condition: it compares tokens, not substrings.
package struct TextQuery: Sendable {
    package enum Mode: Sendable { case all, any, phrase }

    package let mode: Mode
    /// UTF-8; without repetitions but in a phrase.
    package let tokens: [[UInt8]]
    private let tokenizer: TextTokenizer

    /// nil when the predicate is not about text. `parameters` are those of the field's text index.
    package init?(_ predicate: FieldPredicate, parameters: [String: JSONValue]) {
        tokenizer = TextTokenizer(parameters)
        switch predicate {
        case .matchText(let text):
            mode = .all
            tokens = tokenizer.distinctQueryTokens(of: text)
        case .matchTextAny(let text):
            mode = .any
            tokens = tokenizer.distinctQueryTokens(of: text)
        case .matchPhrase(let text):
            mode = .phrase
            tokens = tokenizer.documentTokens(of: text).map { Array($0.utf8) }
        default:
            return nil
        }
    }

    /// Whether the texts of a value (a string, or an array's strings together) satisfy the query.
    /// A query without tokens matches nothing.
    func matches<Node: PayloadNode>(_ value: Node) -> Bool {
        guard !tokens.isEmpty else { return false }
        var isFound = [Bool](repeating: false, count: tokens.count)
        let isDone =
            matches(textOf: value, &isFound)
            || value.anyElement { matches(textOf: $0, &isFound) }
        return isDone || (mode == .all && !isFound.contains(false))
    }

    /// Whether one text satisfies the query by itself, or the last of its tokens was found in it.
    private func matches<Node: PayloadNode>(textOf value: Node, _ isFound: inout [Bool]) -> Bool {
        value.withText { text in
            switch mode {
            case .phrase:
                return Self.occurs(tokens, in: tokenizer.documentTokens(of: String(utf8: text)))
            case .any, .all:
                mark(tokensIn: text, &isFound)
                return mode == .any ? isFound.contains(true) : !isFound.contains(false)
            }
        } ?? false
    }

    private func mark(tokensIn text: borrowing Span<UInt8>, _ isFound: inout [Bool]) {
        let isSplit = tokenizer.forEachASCIIToken(of: text) { token in
            for index in tokens.indices where Self.isEqual(text, token, tokens[index], tokenizer) {
                isFound[index] = true
            }
        }
        guard !isSplit else { return }
        for token in tokenizer.documentTokens(of: String(utf8: text)) {
            for index in tokens.indices where token.utf8.elementsEqual(tokens[index]) {
                isFound[index] = true
            }
        }
    }

    private static func isEqual(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, _ token: [UInt8],
        _ tokenizer: TextTokenizer
    ) -> Bool {
        guard range.count == token.count else { return false }
        for index in 0..<token.count
        where tokenizer.normalized(text[range.lowerBound + index]) != token[index] {
            return false
        }
        return true
    }

    private static func occurs(_ phrase: [[UInt8]], in text: [String]) -> Bool {
        guard phrase.count <= text.count else { return false }
        return (0...(text.count - phrase.count)).contains { start in
            zip(text[start...], phrase).allSatisfy { $0.utf8.elementsEqual($1) }
        }
    }
}

extension String {
    /// Text with replacement characters for what is not UTF-8.
    fileprivate init(utf8 text: borrowing Span<UInt8>) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        for index in 0..<text.count { bytes.append(text[index]) }
        self.init(decoding: bytes, as: UTF8.self)
    }
}

/// Splits text into tokens as the parameters of a text index say (`tokenizer`, `lowercase`,
/// `min_token_len`, `max_token_len`).
///
/// `multilingual` splits as `word` does.
package struct TextTokenizer: Sendable {
    private enum Splitting: Sendable { case word, whitespace, prefix }

    private let splitting: Splitting
    private let lowercases: Bool
    private let lengthMin: Int
    private let lengthMax: Int

    package init(_ parameters: [String: JSONValue]) {
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

    /// Calls `body` with the UTF-8 of each token that a stored text is found by.
    package func forEachDocumentToken(
        of text: borrowing Span<UInt8>, _ body: ([UInt8]) -> Void
    ) {
        var token: [UInt8] = []
        let isSplit = forEachASCIIToken(of: text) { range in
            token.removeAll(keepingCapacity: true)
            for index in range { token.append(normalized(text[index])) }
            body(token)
        }
        guard !isSplit else { return }
        for token in documentTokens(of: String(utf8: text)) { body(Array(token.utf8)) }
    }

    /// The tokens that a stored text is found by. The prefix tokenizer gives every prefix of a
    /// word within the length bounds.
    ///
    /// `form` gives for a word what counts in its place; nil: it does not count.
    package func documentTokens(
        of text: String, form: (String) -> String? = { $0 }
    ) -> [String] {
        let words = words(of: text).compactMap(form)
        switch splitting {
        case .word, .whitespace: return words.filter(isWithinBounds)
        case .prefix:
            return words.flatMap { word -> [String] in
                let scalars = Array(word.unicodeScalars)
                guard lengthMin <= scalars.count else { return [] }
                return (lengthMin...min(lengthMax, scalars.count)).map { length in
                    String(String.UnicodeScalarView(scalars[..<length]))
                }
            }
        }
    }

    /// Calls `body` with where each token of a text lies, in front of `normalized`, and returns
    /// true; false, with no call, when the text has more than ASCII or gives other tokens than its
    /// words. It allocates nothing.
    func forEachASCIIToken(
        of text: borrowing Span<UInt8>, _ body: (Range<Int>) -> Void
    ) -> Bool {
        guard splitting != .prefix else { return false }
        for index in 0..<text.count where text[index] >= 0x80 { return false }
        var start = 0
        for index in 0...text.count where index == text.count || isSeparator(text[index]) {
            let length = index - start
            if length > 0, length >= lengthMin, length <= lengthMax { body(start..<index) }
            start = index + 1
        }
        return true
    }

    /// An ASCII letter in the case that tokens have.
    func normalized(_ byte: UInt8) -> UInt8 {
        lowercases && byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    private func isSeparator(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            false
        case 9...13, 0x20: true
        default: splitting != .whitespace
        }
    }

    /// The tokens that a query asks for. The prefix tokenizer cuts words at the longest prefix.
    package func queryTokens(of text: String, form: (String) -> String? = { $0 }) -> [String] {
        let words = words(of: text).compactMap(form)
        return switch splitting {
        case .word, .whitespace: words.filter(isWithinBounds)
        case .prefix:
            words.filter { $0.unicodeScalars.count >= lengthMin }.map {
                String($0.unicodeScalars.prefix(lengthMax))
            }
        }
    }

    /// The UTF-8 of the tokens that a query asks for, each once.
    func distinctQueryTokens(of text: String) -> [[UInt8]] {
        var tokens: [[UInt8]] = []
        let isSplit = forEachASCIIToken(of: text.utf8Span.span) { range in
            tokens.append(range.map { normalized(text.utf8Span.span[$0]) })
        }
        if !isSplit { tokens = queryTokens(of: text).map { Array($0.utf8) } }
        guard tokens.count > 1 else { return tokens }
        var seen: Set<[UInt8]> = []
        return tokens.filter { seen.insert($0).inserted }
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
