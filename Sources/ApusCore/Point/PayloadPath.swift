/// Where in a payload a value lies: `a.b`, `a.b[]`, `a.b[].c`, `a[2]`; keys with special
/// characters stand in double quotes.
public struct PayloadPath: Hashable, Sendable, CustomStringConvertible {
    public enum Step: Hashable, Sendable {
        case key(String)
        /// `[]`: every element of an array.
        case everyElement
        /// `[n]`: one element of an array.
        case element(Int)
    }

    public let steps: [Step]

    public init(steps: [Step]) { self.steps = steps }

    public var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .key(let key):
                if !text.isEmpty { text += "." }
                text += key
            case .everyElement: text += "[]"
            case .element(let index): text += "[\(index)]"
            }
        }
        return text
    }
}
