package import ApusPipeline
private import Foundation

/// A value that may lie elsewhere: `env:NAME` is an environment variable, `file:PATH` the first line
/// of a file. It is looked up when it is needed and never shown.
package struct Reference: Hashable, Sendable, CustomStringConvertible {
    private let text: String
    private let place: String

    /// As it is written on a command line; `place` is what errors call it.
    package init(_ text: String, place: String) {
        self.text = text
        self.place = place
    }

    init(_ declaration: Declaration) throws(DeclarationProblem) {
        text = try declaration.text()
        place = declaration.name
    }

    /// A secret: must lie elsewhere.
    init(secret declaration: Declaration) throws(DeclarationProblem) {
        try self.init(declaration)
        guard isElsewhere else {
            throw declaration.problem(
                "a secret does not stand in this file: write env:NAME or file:PATH")
        }
    }

    package var isElsewhere: Bool { text.hasPrefix("env:") || text.hasPrefix("file:") }

    /// How it is written, which says where it lies.
    package var description: String { text }

    package func value() throws(StageError) -> String {
        if text.hasPrefix("env:") {
            let name = String(text.dropFirst(4))
            guard let value = ProcessInfo.processInfo.environment[name] else {
                throw StageError(
                    .fatal, stage: place, "the environment has no variable \(name)")
            }
            return value
        }
        guard text.hasPrefix("file:") else { return text }
        let path = String(text.dropFirst(5))
        do {
            let content = try String(contentsOf: URL(fileURLWithPath: path), encoding: .utf8)
            return content.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        } catch {
            throw StageError(.fatal, stage: place, "cannot read \(path)")
        }
    }
}
