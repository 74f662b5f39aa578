import ApusCore

/// What there is to say about a file or directory: named values in an order, printed as text or
/// as JSON.
indirect enum Outline {
    typealias Fields = [(name: String, value: Outline)]

    case text(String)
    case number(Int)
    case fields(Fields)
    case list([Outline])

    /// Numbers that may pass `Int64`, such as sequence numbers, which do not.
    static func count(_ value: some BinaryInteger) -> Outline { .number(Int(clamping: value)) }

    static func flag(_ value: Bool) -> Outline { .text(value ? "yes" : "no") }

    /// A payload, a configuration: anything that was JSON already. Keys ascend.
    init(_ value: JSONValue) {
        switch value {
        case .null: self = .text("null")
        case .bool(let value): self = .flag(value)
        case .integer(let value): self = .count(value)
        case .double(let value): self = .text("\(value)")
        case .string(let value): self = .text(value)
        case .array(let values): self = .list(values.map { Outline($0) })
        case .object(let object):
            let fields: Fields = object.keys.sorted().map { key in
                (name: key, value: Outline(object[key] ?? .null))
            }
            self = .fields(fields)
        }
    }
}

// MARK: Text

extension Outline {
    /// Indented lines. A list entry whose values are all plain takes one line.
    func lines(indent: Int = 0) -> [String] {
        let margin = String(repeating: " ", count: indent)
        switch self {
        case .text(let text): return [margin + text]
        case .number(let number): return [margin + "\(number)"]
        case .fields(let fields):
            return fields.flatMap { field -> [String] in
                // The unnamed vector is the one name that is empty.
                let name = field.name.isEmpty ? "\"\"" : field.name
                if let plain = field.value.plain { return ["\(margin)\(name): \(plain)"] }
                return ["\(margin)\(name):"] + field.value.lines(indent: indent + 2)
            }
        case .list(let entries):
            return entries.flatMap { entry -> [String] in
                if let line = entry.line { return ["\(margin)- \(line)"] }
                var lines = entry.lines(indent: indent + 2)
                if let first = lines.first {
                    lines[0] = "\(margin)- \(first.dropFirst(indent + 2))"
                }
                return lines
            }
        }
    }

    private var plain: String? {
        switch self {
        case .text(let text): text
        case .number(let number): "\(number)"
        case .list(let entries) where entries.isEmpty: "none"
        case .fields(let fields) where fields.isEmpty: "none"
        case .list, .fields: nil
        }
    }

    /// All of it on one line, when it is flat.
    private var line: String? {
        guard case .fields(let fields) = self else { return plain }
        let parts: [String] = fields.compactMap { field in
            field.value.plain.map { "\(field.name) \($0)" }
        }
        return parts.count == fields.count ? parts.joined(separator: ", ") : nil
    }
}

// MARK: JSON

extension Outline {
    /// Keys in the order of the fields, which text and JSON share.
    func json(indent: Int = 0) -> String {
        let margin = String(repeating: " ", count: indent)
        let inner = String(repeating: " ", count: indent + 2)
        switch self {
        case .text(let text): return Self.quoted(text)
        case .number(let number): return "\(number)"
        case .fields(let fields):
            guard !fields.isEmpty else { return "{}" }
            let members: [String] = fields.map { field in
                let value = field.value.json(indent: indent + 2)
                return "\(inner)\(Self.quoted(field.name)): \(value)"
            }
            return "{\n" + members.joined(separator: ",\n") + "\n\(margin)}"
        case .list(let entries):
            guard !entries.isEmpty else { return "[]" }
            let elements: [String] = entries.map { inner + $0.json(indent: indent + 2) }
            return "[\n" + elements.joined(separator: ",\n") + "\n\(margin)]"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
