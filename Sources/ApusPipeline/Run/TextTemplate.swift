package import ApusCore

/// A text made of a record's fields: `"{title}\n\n{body}"`. `{{` and `}}` stand for braces.
package struct TextTemplate: Hashable, Sendable {
    private enum Part: Hashable, Sendable {
        case text(String)
        case field(PayloadPath)
    }

    private let parts: [Part]
    /// As it was written.
    package let source: String

    /// Throws what is wrong with it, in words.
    package init(_ source: String) throws(Malformed) {
        self.source = source
        var parts: [Part] = []
        var text = ""
        var rest = source[...]
        while let character = rest.popFirst() {
            switch character {
            case "{" where rest.first == "{", "}" where rest.first == "}":
                text.append(rest.removeFirst())
            case "{":
                guard let end = rest.firstIndex(of: "}") else {
                    throw Malformed("a '{' without its '}'")
                }
                let name = String(rest[..<end])
                guard let path = PayloadPath(name) else {
                    throw Malformed("'{\(name)}' does not name a field")
                }
                if !text.isEmpty { parts.append(.text(text)) }
                parts.append(.field(path))
                text = ""
                rest = rest[rest.index(after: end)...]
            case "}": throw Malformed("a '}' without its '{'")
            default: text.append(character)
            }
        }
        if !text.isEmpty { parts.append(.text(text)) }
        self.parts = parts
    }

    /// The fields that it looks at.
    package var paths: [PayloadPath] {
        parts.compactMap { part in
            if case .field(let path) = part { path } else { nil }
        }
    }

    package struct Malformed: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) { self.description = description }
    }

    /// Fields that are missing or null leave nothing.
    package func text(of fields: Payload) -> String {
        if parts.count == 1, let only = parts.first { return Self.text(of: only, fields) }
        return parts.map { Self.text(of: $0, fields) }.joined()
    }

    private static func text(of part: Part, _ fields: Payload) -> String {
        switch part {
        case .text(let text): text
        case .field(let path): fields.value(at: path)?.plainText ?? ""
        }
    }
}

extension Payload {
    /// The one value at a path; nil where there is none. A step to every element of an array takes
    /// the array as it is.
    package func value(at path: PayloadPath) -> JSONValue? {
        if path.steps.count == 1, let key = path.firstKey { return self[key] }
        var value = JSONValue.object(self)
        for step in path.steps {
            switch (step, value) {
            case (.key(let key), .object(let members)):
                guard let member = members[key] else { return nil }
                value = member
            case (.element(let index), .array(let elements)):
                guard elements.indices.contains(index) else { return nil }
                value = elements[index]
            case (.everyElement, .array): continue
            default: return nil
            }
        }
        return value
    }
}

extension JSONValue {
    /// A string as it is, other values as JSON; of an array of them each on a line; nothing for null.
    package var plainText: String {
        switch self {
        case .null: ""
        case .string(let text): text
        case .bool(let value): String(value)
        case .integer(let value): String(value)
        case .double(let value): String(value)
        case .array(let elements): elements.map(\.plainText).joined(separator: "\n")
        case .object: jsonText
        }
    }

    /// As JSON, members in the order of their names.
    package var jsonText: String { String(decoding: JSONText.bytes(of: self), as: UTF8.self) }
}
