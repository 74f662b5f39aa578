/// The part of a payload that an answer carries.
extension [String: JSONValue] {
    /// The selected part; nil when none was asked for.
    ///
    /// Paths name keys, elements of arrays as `[]`. `include` keeps a value when one of its paths
    /// leads to the value, through it or ends above it; `exclude` drops a value at which one of
    /// its paths ends. Objects and arrays keep their places, with what is left of them.
    public func selecting(_ selector: PayloadSelector) -> Payload? {
        switch selector {
        case .none: return nil
        case .all: return self
        case .include(let paths):
            let patterns = paths.map { $0.steps[...] }
            return keeping(patterns) { rest, step in
                rest.isEmpty || rest.first == step
            } keepsValue: {
                !$0.isEmpty
            }
        case .exclude(let paths):
            let patterns = paths.map { $0.steps[...] }
            return keeping(patterns) { rest, step in
                rest.first == step
            } keepsValue: { rests in
                rests.allSatisfy { !$0.isEmpty }
            }
        }
    }

    private typealias Pattern = ArraySlice<PayloadPath.Step>

    /// Walks down with the rests of the patterns that agree with the way so far: `follows` says
    /// whether a rest goes on over a step, `keepsValue` whether the value there stays, given the
    /// rests behind that step.
    private func keeping(
        _ patterns: [Pattern], follows: (Pattern, PayloadPath.Step) -> Bool,
        keepsValue: ([Pattern]) -> Bool
    ) -> Payload {
        var kept: Payload = [:]
        for (key, value) in self {
            let step = PayloadPath.Step.key(key)
            let rests = patterns.filter { follows($0, step) }.map { $0.dropFirst() }
            guard keepsValue(rests) else { continue }
            kept[key] = Self.keeping(value, rests, follows: follows, keepsValue: keepsValue)
        }
        return kept
    }

    private static func keeping(
        _ value: JSONValue, _ patterns: [Pattern], follows: (Pattern, PayloadPath.Step) -> Bool,
        keepsValue: ([Pattern]) -> Bool
    ) -> JSONValue {
        switch value {
        case .null, .bool, .integer, .double, .string:
            return value
        case .object(let members):
            return .object(members.keeping(patterns, follows: follows, keepsValue: keepsValue))
        case .array(let elements):
            let rests = patterns.filter { follows($0, .everyElement) }.map { $0.dropFirst() }
            guard keepsValue(rests) else { return .array([]) }
            return .array(
                elements.map {
                    keeping($0, rests, follows: follows, keepsValue: keepsValue)
                })
        }
    }
}
