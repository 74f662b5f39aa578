/// Changes to a payload, as the write operations of the wire API mean them.
extension [String: JSONValue] {
    /// Sets each member of `changes`, in the payload itself or in the object at `path`; a member
    /// that is null there is removed.
    ///
    /// Keys of the path that are missing or hold another kind of value become objects, arrays
    /// likewise; `[n]` beyond an array's end changes nothing.
    package mutating func merge(_ changes: Payload, at path: PayloadPath? = nil) {
        guard let path else { return merge(members: changes) }
        var root = JSONValue.object(self)
        root.merge(changes, at: path.steps[...])
        if case .object(let members) = root { self = members }
    }

    /// Removes the values at `path`. A last `[]` empties the array; a last `[n]` removes nothing,
    /// because a second time it would remove another element.
    package mutating func removeValues(at path: PayloadPath) {
        if path.steps.count == 1, case .key(let key) = path.steps[0] {
            removeValue(forKey: key)
            return
        }
        var root = JSONValue.object(self)
        root.remove(path.steps[...])
        if case .object(let members) = root { self = members }
    }

    fileprivate mutating func merge(members changes: Payload) {
        for (key, value) in changes {
            if value == .null { removeValue(forKey: key) } else { self[key] = value }
        }
    }
}

extension JSONValue {
    fileprivate mutating func merge(_ changes: Payload, at steps: ArraySlice<PayloadPath.Step>) {
        guard let step = steps.first else {
            var members = objectMembers ?? [:]
            members.merge(members: changes)
            self = .object(members)
            return
        }
        let rest = steps.dropFirst()
        switch step {
        case .key(let key):
            var members = objectMembers ?? [:]
            self = .null  // gives up this copy, so that the change below is made in place
            members[key, default: .null].merge(changes, at: rest)
            self = .object(members)
        case .element(let index):
            var elements = arrayElements ?? []
            self = .null
            if elements.indices.contains(index) { elements[index].merge(changes, at: rest) }
            self = .array(elements)
        case .everyElement:
            var elements = arrayElements ?? []
            self = .null
            for index in elements.indices { elements[index].merge(changes, at: rest) }
            self = .array(elements)
        }
    }

    fileprivate mutating func remove(_ steps: ArraySlice<PayloadPath.Step>) {
        guard let step = steps.first else { return }
        let rest = steps.dropFirst()
        switch (step, self) {
        case (.key(let key), .object(var members)):
            if rest.isEmpty {
                members.removeValue(forKey: key)
            } else {
                members[key]?.remove(rest)
            }
            self = .object(members)
        case (.element(let index), .array(var elements)):
            guard elements.indices.contains(index) else { return }
            elements[index].remove(rest)
            self = .array(elements)
        case (.everyElement, .array(var elements)):
            if rest.isEmpty { elements = [] }
            for index in elements.indices { elements[index].remove(rest) }
            self = .array(elements)
        default:
            return
        }
    }

    private var objectMembers: [String: JSONValue]? {
        if case .object(let members) = self { members } else { nil }
    }

    private var arrayElements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}
