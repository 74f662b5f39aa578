import ApusDocuments
private import Foundation

/// Passages as people and programs read them.
struct PassageReport {
    /// Columns of the terminal.
    let width: Int
    let isColored: Bool

    /// Lines of text shown of one passage.
    private static let linesMax = 6

    func text(_ hits: [PassageHit]) -> String {
        guard !hits.isEmpty else { return "nothing found\n" }
        return hits.enumerated().map { index, hit in text(index + 1, hit) }.joined(separator: "\n")
    }

    private func text(_ number: Int, _ hit: PassageHit) -> String {
        let chunk = hit.passage.chunk
        let place = "\(Self.printable(hit.passage.source)), byte \(chunk.source.lowerBound)"
        let score = String(format: "%.3f", hit.score)
        var lines = ["\(number). \(bold(place))  \(faint("score \(score)"))"]
        if !chunk.headings.isEmpty {
            lines.append(
                "   " + faint(Self.printable(chunk.headings.joined(separator: " › "))))
        }
        let wrapped = Self.wrapped(Self.printable(chunk.text), width: max(20, width - 3))
        lines += wrapped.prefix(Self.linesMax).map { "   \($0)" }
        if wrapped.count > Self.linesMax { lines.append("   " + faint("…")) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `{"results": […]}` on one line.
    static func json(_ hits: [PassageHit]) throws -> String {
        struct Answer: Encodable {
            struct Result: Encodable {
                var source: String
                var offset: Int
                var score: Float
                var text: String
            }
            var results: [Result]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let answer = Answer(
            results: hits.map { hit in
                Answer.Result(
                    source: hit.passage.source, offset: hit.passage.chunk.source.lowerBound,
                    score: hit.score, text: hit.passage.chunk.text)
            })
        return String(decoding: try encoder.encode(answer), as: UTF8.self)
    }

    /// Texts are not trusted with the terminal: control characters, escape sequences among them,
    /// become spaces.
    private static func printable(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control
            scalars.append(isControl && scalar != "\n" ? " " : scalar)
        }
        return String(scalars)
    }

    private static func wrapped(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
            var current = ""
            for word in line.split(separator: " ", omittingEmptySubsequences: true) {
                if !current.isEmpty, current.count + 1 + word.count > width {
                    lines.append(current)
                    current = ""
                }
                current += current.isEmpty ? String(word) : " \(word)"
            }
            if !current.isEmpty { lines.append(current) }
        }
        return lines
    }

    private func bold(_ text: String) -> String { isColored ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    private func faint(_ text: String) -> String { isColored ? "\u{1b}[2m\(text)\u{1b}[0m" : text }
}
