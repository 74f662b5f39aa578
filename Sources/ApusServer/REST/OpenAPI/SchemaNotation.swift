package import ApusCore

/// Schemas as lines of text, which are shorter than JSON Schema and say the same:
///
///     Point  // What an upsert writes.
///       id! PointID
///       payload Payload?
///     Distance = "Cosine" | "Euclid" | "Dot" | "Manhattan"
///     Filter closed
///       must Conditions?
///
/// A line without `=` begins an object; the indented lines under it are its members, `!` marks those
/// that must be there, and `closed` objects have no others. What stands behind `//` describes.
///
/// | type | |
/// |---|---|
/// | `string`, `integer`, `number`, `boolean`, `object`, `null`, `any` | JSON's |
/// | `integer(1..)`, `number(0..1)`, `string(1..)` | bounds: of the value, or of the length |
/// | `string<uuid>` | a format |
/// | `"text"` | this string |
/// | `[T]`, `[T](1..)`, `{T}` | a list, with so many elements; an object with free keys |
/// | `A | B`, `T?` | one of several; or null |
/// | `Name` | another schema |
///
/// The text is ours, so mistakes in it are ours: they end the process, and a test reads all of it.
package struct SchemaNotation {
    /// JSON Schema by name.
    package private(set) var schemas: [String: JSONValue] = [:]

    package init(_ text: String) {
        var object: (name: String, schema: Payload, members: Payload, required: [JSONValue])?
        func close(_ schemas: inout [String: JSONValue]) {
            guard let (name, head, members, required) = object else { return }
            var schema = head
            schema["properties"] = .object(members)
            if !required.isEmpty { schema["required"] = .array(required) }
            schemas[name] = .object(schema)
            object = nil
        }
        for line in text.split(separator: "\n") {
            let (content, description) = Self.parts(of: line)
            if line.hasPrefix(" ") {
                let words = content.split(separator: " ", maxSplits: 1)
                precondition(words.count == 2 && object != nil, "a member: \(line)")
                let isRequired = words[0].hasSuffix("!")
                let name = String(isRequired ? words[0].dropLast() : words[0])
                object?.members[name] = Self.described(Self.type(words[1]), description)
                if isRequired { object?.required.append(.string(name)) }
                continue
            }
            close(&schemas)
            if let equals = content.firstRange(of: " = ") {
                schemas[String(content[..<equals.lowerBound])] = Self.described(
                    Self.type(content[equals.upperBound...]), description)
            } else {
                let words = content.split(separator: " ")
                var head: Payload = ["type": "object"]
                if words.last == "closed" { head["additionalProperties"] = false }
                if let description { head["description"] = .string(description) }
                object = (String(words[0]), head, [:], [])
            }
        }
        close(&schemas)
    }

    /// The type alone, as where an operation says what it answers.
    package static func type(_ text: Substring) -> JSONValue {
        var rest = text
        let type = union(&rest)
        precondition(rest.allSatisfy { $0 == " " }, "a type: \(text), before `\(rest)`")
        return type
    }

    /// What stands before `//` and behind it.
    static func parts(of line: Substring) -> (content: Substring, description: String?) {
        guard let mark = line.firstRange(of: "// ") else { return (line.trimmed, nil) }
        return (line[..<mark.lowerBound].trimmed, String(line[mark.upperBound...]))
    }

    private static func described(_ type: JSONValue, _ description: String?) -> JSONValue {
        guard let description, case .object(var schema) = type else { return type }
        schema["description"] = .string(description)
        return .object(schema)
    }

    private static func union(_ rest: inout Substring) -> JSONValue {
        var options = [nullable(&rest)]
        while rest.take("|") { options.append(nullable(&rest)) }
        if options.count == 1 { return options[0] }
        let literals = options.compactMap { option -> JSONValue? in
            guard case .object(let schema) = option else { return nil }
            return schema["const"]
        }
        guard literals.count < options.count else {
            return ["type": "string", "enum": .array(literals)]
        }
        return ["anyOf": .array(options)]
    }

    private static func nullable(_ rest: inout Substring) -> JSONValue {
        let type = single(&rest)
        guard rest.take("?") else { return type }
        guard case .object(var schema) = type, let name = schema["type"] else {
            return ["anyOf": [type, ["type": "null"]]]
        }
        schema["type"] = [name, "null"]
        return .object(schema)
    }

    private static func single(_ rest: inout Substring) -> JSONValue {
        if rest.take("[") {
            var schema: Payload = ["type": "array", "items": union(&rest)]
            rest.expect("]")
            bounds(&rest, of: &schema, "minItems", "maxItems")
            return .object(schema)
        }
        if rest.take("{") {
            let values = union(&rest)
            rest.expect("}")
            return ["type": "object", "additionalProperties": values]
        }
        if rest.take("\"") {
            let text = rest.prefix { $0 != "\"" }
            rest = rest.dropFirst(text.count)
            rest.expect("\"")
            return ["const": .string(String(text))]
        }
        return named(&rest)
    }

    private static func named(_ rest: inout Substring) -> JSONValue {
        let name = String(rest.trimmed.prefix { $0.isLetter || $0.isNumber })
        precondition(!name.isEmpty, "a name, before `\(rest)`")
        rest = rest.trimmed.dropFirst(name.count)
        switch name {
        case "any": return [:]
        case "string", "integer", "number", "boolean", "object", "null":
            var schema: Payload = ["type": .string(name)]
            if rest.take("<") {
                let format = rest.prefix { $0 != ">" }
                rest = rest.dropFirst(format.count)
                rest.expect(">")
                schema["format"] = .string(String(format))
            }
            let (least, most) =
                name == "string" ? ("minLength", "maxLength") : ("minimum", "maximum")
            bounds(&rest, of: &schema, least, most)
            return .object(schema)
        default: return ["$ref": .string("#/components/schemas/\(name)")]
        }
    }

    /// `(1..)`, `(..5)` or `(1..5)`, if they come next.
    private static func bounds(
        _ rest: inout Substring, of schema: inout Payload, _ least: String, _ most: String
    ) {
        guard rest.take("(") else { return }
        let text = rest.prefix { $0 != ")" }
        rest = rest.dropFirst(text.count)
        rest.expect(")")
        guard let dots = text.firstRange(of: "..") else { preconditionFailure("bounds: \(text)") }
        for (name, bound) in [(least, text[..<dots.lowerBound]), (most, text[dots.upperBound...])]
        where !bound.isEmpty {
            if let whole = Int64(bound) {
                schema[name] = .integer(whole)
            } else if let number = Double(bound) {
                schema[name] = .double(number)
            } else {
                preconditionFailure("a bound: \(bound)")
            }
        }
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }

    /// Goes over `text` and the spaces before it, if it comes next.
    fileprivate mutating func take(_ text: String) -> Bool {
        let ahead = drop { $0 == " " }
        guard ahead.hasPrefix(text) else { return false }
        self = ahead.dropFirst(text.count)
        return true
    }

    fileprivate mutating func expect(_ text: String) {
        precondition(take(text), "`\(text)` before `\(self)`")
    }
}
