internal import ApusCore
private import Foundation
private import Yams

/// What is wrong with a pipeline's file, and where.
package struct DeclarationProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package var file: String
    /// 1-based; nil: the file as a whole.
    package var line: Int?
    package var message: String

    package var description: String {
        line.map { "\(file):\($0): \(message)" } ?? "\(file): \(message)"
    }
}

/// A value in a YAML file, with its place, and readers that say what was expected of it.
struct Declaration {
    private let node: Node
    private let file: String
    /// How a person names it: `source.postgres.table`.
    let name: String

    private init(_ node: Node, file: String, name: String) {
        self.node = node
        self.file = file
        self.name = name
    }

    /// The file's one document.
    init(yaml text: String, file: String) throws(DeclarationProblem) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw Self.problem(of: error, file)
        } catch {
            throw DeclarationProblem(file: file, message: "\(error)")
        }
        guard let root else { throw DeclarationProblem(file: file, message: "the file is empty") }
        self.init(root, file: file, name: "")
    }

    private static func problem(of error: YamlError, _ file: String) -> DeclarationProblem {
        switch error {
        case .scanner(_, let text, let mark, _), .parser(_, let text, let mark, _),
            .composer(_, let text, let mark, _):
            DeclarationProblem(file: file, line: mark.line, message: "no YAML: \(text)")
        case .duplicatedKeysInMapping(let keys, let context):
            DeclarationProblem(
                file: file, line: context.mark.line,
                message: "\(keys.joined(separator: ", ")): more than once")
        default: DeclarationProblem(file: file, message: "no YAML: \(error)")
        }
    }

    func problem(_ message: String) -> DeclarationProblem {
        DeclarationProblem(
            file: file, line: node.mark?.line,
            message: name.isEmpty ? message : "\(name): \(message)")
    }

    private func expected(_ what: String) -> DeclarationProblem {
        let found: String =
            switch node {
            case .scalar(let scalar): scalar.string.isEmpty ? "nothing" : "'\(scalar.string)'"
            case .mapping: "a mapping"
            case .sequence: "a list"
            case .alias: "an alias"
            }
        return problem("expected \(what), found \(found)")
    }

    // MARK: Values

    func text() throws(DeclarationProblem) -> String {
        guard case .scalar(let scalar) = node, !isNull else { throw expected("a text") }
        return scalar.string
    }

    /// Nothing at all, or a word for it that is not in quotes.
    var isNull: Bool {
        guard case .scalar(let scalar) = node, scalar.style == .any || scalar.style == .plain else {
            return false
        }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    func integer(_ range: ClosedRange<Int>) throws(DeclarationProblem) -> Int {
        guard case .scalar = node, let value = node.int, range.contains(value) else {
            throw expected("a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func number() throws(DeclarationProblem) -> Double {
        guard case .scalar = node, let value = node.float, value.isFinite else {
            throw expected("a number")
        }
        return value
    }

    /// A text, number or bool, as YAML tells them apart.
    func scalar() throws(DeclarationProblem) -> JSONValue {
        guard case .scalar(let scalar) = node, !isNull else { throw expected("a text or number") }
        guard scalar.style == .any || scalar.style == .plain else { return .string(scalar.string) }
        if let value = node.int { return .integer(Int64(value)) }
        if let value = node.float { return .double(value) }
        if let value = node.bool { return .bool(value) }
        return .string(scalar.string)
    }

    func bool() throws(DeclarationProblem) -> Bool {
        guard case .scalar = node, let value = node.bool else { throw expected("true or false") }
        return value
    }

    /// `500ms`, `10s`, `5m`.
    func duration() throws(DeclarationProblem) -> Duration {
        let text = try self.text()
        let units: [(String, Duration)] = [
            ("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .seconds(60)),
            ("h", .seconds(3600)),
        ]
        for (suffix, unit) in units where text.hasSuffix(suffix) {
            guard let count = Int(text.dropLast(suffix.count)), (0...1_000_000_000).contains(count)
            else { continue }
            return unit * count
        }
        throw expected("a time such as 500ms, 10s or 5m")
    }

    /// `64KiB`, `32MiB`, `1GiB`, or bytes.
    func byteCount() throws(DeclarationProblem) -> Int {
        let text = try self.text()
        let units: [(String, Int)] = [
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1),
        ]
        for (suffix, unit) in units where text.hasSuffix(suffix) {
            guard let count = Int(text.dropLast(suffix.count)), (1...(1 << 32)).contains(count)
            else { continue }
            return unit * count
        }
        throw expected("a size such as 64KiB or 32MiB")
    }

    /// One of some words.
    func choice<Value>(_ words: KeyValuePairs<String, Value>) throws(DeclarationProblem) -> Value {
        let text = try self.text()
        guard let found = words.first(where: { $0.key == text }) else {
            throw expected("one of \(words.map(\.key).joined(separator: ", "))")
        }
        return found.value
    }

    // MARK: Parts

    func list() throws(DeclarationProblem) -> [Declaration] {
        guard case .sequence(let sequence) = node else { throw expected("a list") }
        return sequence.enumerated().map { index, node in
            Declaration(node, file: file, name: "\(name)[\(index)]")
        }
    }

    /// A list, or one value that stands for a list of it.
    func listOrOne() throws(DeclarationProblem) -> [Declaration] {
        if case .sequence = node { return try list() }
        return [self]
    }

    /// The members of a mapping. Others than the `known` ones are errors, so that a misspelt one does
    /// not pass unseen.
    func members(_ known: [String]) throws(DeclarationProblem) -> [String: Declaration] {
        let members = try anyMembers()
        for (key, member) in members.sorted(by: { $0.value.line < $1.value.line })
        where !known.contains(key) {
            throw member.problem("no such member; there are \(known.joined(separator: ", "))")
        }
        return members
    }

    /// The members of a mapping, whatever their names.
    func anyMembers() throws(DeclarationProblem) -> [String: Declaration] {
        // A key with nothing behind it has no members.
        if isNull { return [:] }
        guard case .mapping(let mapping) = node else { throw expected("a mapping") }
        var members: [String: Declaration] = [:]
        for (key, value) in mapping {
            guard let text = key.scalar?.string else {
                throw problem("a key that is no text")
            }
            members[text] = Declaration(
                value, file: file, name: name.isEmpty ? text : "\(name).\(text)")
        }
        return members
    }

    /// The one member that says which of several kinds this is: a mapping with one key, or its bare
    /// name.
    func kind(_ known: [String]) throws(DeclarationProblem) -> (String, Declaration) {
        if case .scalar(let scalar) = node, known.contains(scalar.string) {
            let empty = Declaration(
                Node("null"), file: file, name: "\(name).\(scalar.string)")
            return (scalar.string, empty)
        }
        let members = try self.members(known)
        guard members.count == 1, let only = members.first else {
            throw problem("expected exactly one of \(known.joined(separator: ", "))")
        }
        return (only.key, only.value)
    }

    private var line: Int { node.mark?.line ?? 0 }
}

extension [String: Declaration] {
    /// A member that must be there.
    func required(
        _ key: String, of owner: Declaration
    ) throws(DeclarationProblem) -> Declaration {
        guard let member = self[key] else { throw owner.problem("'\(key)' is missing") }
        return member
    }
}
