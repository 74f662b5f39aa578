/// A payload path prepared for many lookups.
package struct CompiledPath: Sendable {
    private enum Step: Sendable {
        case key(PayloadKey)
        case everyElement
        case element(Int)
    }

    private let steps: [Step]

    package init(_ path: PayloadPath) {
        steps = path.steps.map { step in
            switch step {
            case .key(let key): .key(PayloadKey(key))
            case .everyElement: .everyElement
            case .element(let index): .element(index)
            }
        }
    }

    /// Whether `condition` holds for one of the values at this path, asked in order until it does.
    /// An array at the path's end is one value.
    func anyValue<Node: PayloadNode>(
        in root: Node, where condition: (Node) -> Bool
    ) -> Bool {
        anyValue(in: root, from: 0, where: condition)
    }

    /// Whether a value at this path is neither null nor an empty array.
    func hasValue<Node: PayloadNode>(in root: Node) -> Bool {
        anyValue(in: root) { value in
            value.kind != .null && !(value.kind == .array && value.elementCount == 0)
        }
    }

    private func anyValue<Node: PayloadNode>(
        in node: Node, from start: Int, where condition: (Node) -> Bool
    ) -> Bool {
        var node = node
        var position = start
        while position < steps.count {
            let next: Node?
            switch steps[position] {
            case .key(let key): next = node.member(key)
            case .element(let index): next = node.element(at: index)
            case .everyElement:
                return node.anyElement {
                    anyValue(in: $0, from: position + 1, where: condition)
                }
            }
            guard let next else { return false }
            node = next
            position += 1
        }
        return condition(node)
    }
}

extension JSONValue {
    /// Calls `body` with each value at `path`, in order: none when it is missing, several when the
    /// path has `[]`. An array at the path's end is one value.
    package func forEachValue(at path: PayloadPath, _ body: (JSONValue) -> Void) {
        _ = CompiledPath(path).anyValue(in: self) { value in
            body(value)
            return false
        }
    }
}

extension [String: JSONValue] {
    /// Calls `body` with each value at `path`, in order: none when it is missing, several when the
    /// path has `[]`. An array at the path's end is one value.
    package func forEachValue(at path: PayloadPath, _ body: (JSONValue) -> Void) {
        if path.steps.count == 1, case .key(let key) = path.steps[0] {
            if let value = self[key] { body(value) }
            return
        }
        JSONValue.object(self).forEachValue(at: path, body)
    }

    /// The values at `path`, the elements of arrays at its end in place of those arrays: what
    /// grouping, ordering and payload indexes take as the point's values of this field.
    package func flattenedValues(at path: PayloadPath) -> [JSONValue] {
        var values: [JSONValue] = []
        forEachValue(at: path) { value in
            if case .array(let elements) = value {
                values += elements
            } else {
                values.append(value)
            }
        }
        return values
    }
}
