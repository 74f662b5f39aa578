package import Apus
package import ApusPipeline
private import Foundation

/// How well rankings find the passages that answer questions, on a set with known answers.
package struct RetrievalQuality: Sendable {
    /// A question and the passages that answer it.
    package struct Question: Hashable, Sendable {
        package var text: String
        package var relevant: Set<String>

        package init(text: String, relevant: Set<String>) {
            self.text = text
            self.relevant = relevant
        }
    }

    /// Means over all questions.
    package struct Figures: Hashable, Sendable {
        /// Share of the answers among the first k results.
        package var recall: [Int: Double]
        /// 1 / the place of the first answer among the first ten, or 0.
        package var reciprocalRank: Double
        /// Normalized discounted cumulative gain of the first ten (Järvelin, Kekäläinen, 2002), an
        /// answer being worth 1.
        package var gain: Double
    }

    package static let recallDepths = [1, 3, 5, 10]
    private static let depth = 10

    private let passages: [(id: String, text: String)]
    private let questions: [Question]

    /// Reads `passages.jsonl` (`id`, `text`) and `questions.jsonl` (`text`, `relevant`: ids) of a
    /// folder.
    package init(folder: String) throws {
        var passages: [(id: String, text: String)] = []
        var ids: Set<String> = []
        try Self.forEachObject(in: "\(folder)/passages.jsonl") { object in
            guard case .string(let id)? = object["id"], case .string(let text)? = object["text"],
                ids.insert(id).inserted
            else { return false }
            passages.append((id, text))
            return true
        }
        var questions: [Question] = []
        try Self.forEachObject(in: "\(folder)/questions.jsonl") { object in
            guard case .string(let text)? = object["text"],
                case .array(let values)? = object["relevant"]
            else { return false }
            var relevant: Set<String> = []
            for case .string(let id) in values where ids.contains(id) { relevant.insert(id) }
            guard !relevant.isEmpty, relevant.count == values.count else { return false }
            questions.append(Question(text: text, relevant: relevant))
            return true
        }
        guard !questions.isEmpty else {
            throw PipelineError.mismatch("\(folder)/questions.jsonl has no question")
        }
        self.passages = passages
        self.questions = questions
    }

    package var counts: (passages: Int, questions: Int) { (passages.count, questions.count) }

    /// Puts the passages into a collection of `database` and asks all questions of each ranking.
    package func measure(
        _ embedder: any Embedder, tokenizer: WordPieceTokenizer, in database: Database
    ) async throws -> [PassageIndex.Ranking: Figures] {
        let lengths = passages.reduce(0) { $0 + tokenizer.tokens(of: $1.text).count }
        let index = try PassageIndex(
            replacing: "retrieval", in: database, embedder: embedder, tokenizer: tokenizer,
            usualLength: lengths / max(1, passages.count))
        try await index.add(
            passages.map { passage in
                Passage(
                    source: passage.id,
                    chunk: Chunk(text: passage.text, source: 0..<passage.text.utf8.count))
            }, firstNumber: 0)
        var figures: [PassageIndex.Ranking: Figures] = [:]
        for ranking in PassageIndex.Ranking.allCases {
            var results: [[String]] = []
            for question in questions {
                results.append(
                    try await index.search(question.text, limit: Self.depth, ranking: ranking)
                        .map(\.passage.source))
            }
            figures[ranking] = Self.figures(of: results, questions)
        }
        return figures
    }

    /// The figures of answers, each best first, to the questions in their order.
    package static func figures(of results: [[String]], _ questions: [Question]) -> Figures {
        var figures = Figures(recall: [:], reciprocalRank: 0, gain: 0)
        let share = 1 / Double(max(1, questions.count))
        for (found, question) in zip(results, questions) {
            let isRelevant = found.prefix(depth).map { question.relevant.contains($0) }
            for depth in recallDepths {
                let count = isRelevant.prefix(depth).count { $0 }
                figures.recall[depth, default: 0] +=
                    share * Double(count) / Double(question.relevant.count)
            }
            if let first = isRelevant.firstIndex(of: true) {
                figures.reciprocalRank += share / Double(first + 1)
            }
            figures.gain += share * gain(isRelevant) / idealGain(question.relevant.count)
        }
        return figures
    }

    private static func gain(_ isRelevant: [Bool]) -> Double {
        isRelevant.enumerated().reduce(0) { sum, result in
            result.element ? sum + discount(result.offset) : sum
        }
    }

    private static func idealGain(_ relevantCount: Int) -> Double {
        (0..<min(relevantCount, depth)).reduce(0) { $0 + discount($1) }
    }

    private static func discount(_ index: Int) -> Double { 1 / log2(Double(index + 2)) }

    /// `take` returns false for an object that is not as it should be.
    private static func forEachObject(
        in path: String, _ take: (Payload) -> Bool
    ) throws {
        let lines = try LineReader(path: path)
        while let line = try lines.next() {
            let value: JSONValue
            do { value = try JSONParser.value(in: line) } catch {
                throw PipelineError.malformed(
                    file: path, .line(lines.lineNumber, column: error.offset + 1),
                    expected: error.expected, found: error.found)
            }
            guard case .object(let object) = value, take(object) else {
                throw PipelineError.malformed(
                    file: path, .line(lines.lineNumber, column: 1),
                    expected: "a passage with a new id and a text, or a question with a text and "
                        + "the ids of passages", found: "another object")
            }
        }
    }
}
