package import ApusCore

/// Builds groups from a ranking, read best first.
///
/// The groups are those of the first `limit` values met, in the order of their best hits; each
/// keeps its first `groupSize` hits. A hit with several values is in several groups. Memory grows
/// with what is added, never with the limits.
package struct GroupCollector<Hit> {
    private let limit: Int
    private let groupSize: Int
    private var positions: [GroupID: Int] = [:]
    private var fullCount = 0

    /// Best first.
    package private(set) var groups: [(id: GroupID, hits: [Hit])] = []

    package init(limit: Int, groupSize: Int) {
        self.limit = limit
        self.groupSize = groupSize
    }

    /// Whether no further hit can change the groups, so that the ranking need not go on.
    package var isComplete: Bool {
        groupSize <= 0 || (groups.count >= limit && fullCount == groups.count)
    }

    /// Takes the ranking's next hit. `values` are what it has at the field that groups, arrays
    /// replaced by their elements (`Payload.flattenedValues`); strings and integers name groups,
    /// other values are passed over.
    package mutating func add(_ hit: Hit, values: [JSONValue]) {
        guard groupSize > 0 else { return }
        var seen: Set<GroupID> = []
        for value in values {
            guard let id = GroupID(value), seen.insert(id).inserted else { continue }
            add(hit, to: id)
        }
    }

    private mutating func add(_ hit: Hit, to id: GroupID) {
        if let position = positions[id] {
            guard groups[position].hits.count < groupSize else { return }
            groups[position].hits.append(hit)
            if groups[position].hits.count == groupSize { fullCount += 1 }
        } else if groups.count < limit {
            positions[id] = groups.count
            groups.append((id, [hit]))
            if groupSize == 1 { fullCount += 1 }
        }
    }
}

extension GroupID {
    /// The group of a payload value; nil when the value names none. Numbers that are not negative
    /// become `.unsigned`.
    fileprivate init?(_ value: JSONValue) {
        switch value {
        case .string(let text): self = .string(text)
        case .integer(let number):
            self = UInt64(exactly: number).map { .unsigned($0) } ?? .integer(number)
        case .null, .bool, .double, .array, .object: return nil
        }
    }
}
