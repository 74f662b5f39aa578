/// Where in a payload a value lies: `a.b`, `a.b[]`, `a.b[].c`, `a[2]`; keys with special
/// characters stand in double quotes, as in `"first.name".x`.
public struct PayloadPath: Hashable, Sendable {
    public enum Step: Hashable, Sendable {
        case key(String)
        /// `[]`: every element of an array.
        case everyElement
        /// `[n]`: one element of an array.
        case element(Int)
    }

    /// Not empty; the first step is a key.
    public let steps: [Step]

    public init(steps: [Step]) { self.steps = steps }

    /// The path of one top-level key, whatever characters the key has.
    public init(key: String) { steps = [.key(key)] }

    /// Reads a path as the wire API writes it; nil when `text` is none.
    ///
    /// A bare key is one or more letters, digits, `_` or `-` of any script; any other key stands
    /// in double quotes and may hold everything but a double quote or a backslash. A path has at
    /// most `stepsMax` steps; no payload is deeper.
    public init?(_ text: String) {
        var parser = PayloadPathParser(text)
        guard let steps = parser.parse(), steps.count <= Self.stepsMax else { return nil }
        self.steps = steps
    }

    /// The most steps that a path read from text has.
    public static let stepsMax = JSONValue.depthMax

    /// This path followed by `[]`, unless it ends so already.
    package var everyElement: PayloadPath {
        steps.last == .everyElement ? self : PayloadPath(steps: steps + [.everyElement])
    }
}

extension PayloadPath: CustomStringConvertible {
    /// The text that `init(_:)` reads as this path.
    public var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .key(let key):
                if !text.isEmpty { text += "." }
                text += Self.isBare(key) ? key : "\"\(key)\""
            case .everyElement: text += "[]"
            case .element(let index): text += "[\(index)]"
            }
        }
        return text
    }

    private static func isBare(_ key: String) -> Bool {
        !key.isEmpty && key.unicodeScalars.allSatisfy(PayloadPathParser.isBare)
    }
}

/// Recursive descent over the scalars of one path.
private struct PayloadPathParser {
    private var rest: Substring.UnicodeScalarView

    init(_ text: String) { rest = text[...].unicodeScalars }

    mutating func parse() -> [PayloadPath.Step]? {
        guard let first = parseKey() else { return nil }
        var steps: [PayloadPath.Step] = [.key(first)]
        while let next = rest.popFirst() {
            switch next {
            case ".":
                guard let key = parseKey() else { return nil }
                steps.append(.key(key))
            case "[":
                guard let step = parseBracket() else { return nil }
                steps.append(step)
            default:
                return nil
            }
        }
        return steps
    }

    private mutating func parseKey() -> String? {
        if rest.first == "\"" {
            rest.removeFirst()
            let key = take { $0 != "\"" && $0 != "\\" }
            return rest.popFirst() == "\"" ? key : nil
        }
        let key = take(while: Self.isBare)
        return key.isEmpty ? nil : key
    }

    /// What follows a `[`.
    private mutating func parseBracket() -> PayloadPath.Step? {
        let digits = take { ("0"..."9").contains($0) }
        guard rest.popFirst() == "]" else { return nil }
        if digits.isEmpty { return .everyElement }
        return Int(digits).map { .element($0) }
    }

    private mutating func take(while belongs: (Unicode.Scalar) -> Bool) -> String {
        let taken = rest.prefix(while: belongs)
        rest = rest[taken.endIndex...]
        return String(taken)
    }

    static func isBare(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
        default:
            !scalar.isASCII
                && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
        }
    }
}
