private import Foundation

/// The files of this checkout, found from where this file was compiled.
enum SourceTree {
    /// One text file and its path relative to the checkout.
    struct File: Sendable {
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// Written by a generator, and as that left it.
        var isGenerated: Bool { path.contains("/Generated/") }
    }

    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Text files below `folder` whose name ends with one of `suffixes`, in order of their paths.
    static func files(in folder: String, suffixes: [String]) throws -> [File] {
        let start = root.appending(path: folder)
        guard FileManager.default.fileExists(atPath: start.path) else { return [] }
        return try FileManager.default.subpathsOfDirectory(atPath: start.path)
            // What tools put into hidden folders, such as virtual environments, is not ours.
            .filter { path in !path.split(separator: "/").contains { $0.hasPrefix(".") } }
            .filter { path in suffixes.contains { path.hasSuffix($0) } }
            .sorted()
            .map { path in
                let text = try String(contentsOf: start.appending(path: path), encoding: .utf8)
                return File(path: "\(folder)/\(path)", text: text)
            }
    }

    /// The text of one file at the top of the checkout; nil where there is none.
    static func file(_ path: String) -> File? {
        (try? String(contentsOf: root.appending(path: path), encoding: .utf8)).map {
            File(path: path, text: $0)
        }
    }

    /// Swift code that people wrote.
    static func swift(in folder: String) throws -> [File] {
        try files(in: folder, suffixes: [".swift"]).filter { !$0.isGenerated }
    }
}

extension SourceTree.File {
    /// Lines of Swift without comments and without the insides of string literals, numbered
    /// from 1. Enough for looking words up; no parser.
    var codeLines: [(number: Int, code: String)] {
        var blockDepth = 0
        var isInLongString = false
        return lines.enumerated().map { index, line in
            var code = ""
            var isInString = false
            var rest = line[...]
            while let character = rest.first {
                if blockDepth > 0 {
                    if rest.hasPrefix("*/") {
                        blockDepth -= 1
                        rest = rest.dropFirst(2)
                    } else {
                        rest = rest.dropFirst()
                    }
                } else if rest.hasPrefix("\"\"\"") {
                    isInLongString.toggle()
                    rest = rest.dropFirst(3)
                } else if isInLongString {
                    rest = rest.dropFirst()
                } else if isInString {
                    if character == "\"" { isInString = false }
                    rest = rest.dropFirst(character == "\\" ? 2 : 1)
                } else if rest.hasPrefix("//") {
                    break
                } else if rest.hasPrefix("/*") {
                    blockDepth += 1
                    rest = rest.dropFirst(2)
                } else {
                    if character == "\"" { isInString = true }
                    code.append(character)
                    rest = rest.dropFirst()
                }
            }
            return (index + 1, code)
        }
    }
}
