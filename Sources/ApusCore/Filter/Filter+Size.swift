extension Filter {
    /// Conditions in it and in filters inside it; a nested or inner filter itself is none.
    package var conditionCount: Int { leaves.reduce(0) { count, _ in count + 1 } }

    /// The most values that one of its conditions lists.
    package var conditionSizeMax: Int { leaves.reduce(0) { max($0, $1.condition.size) } }

    /// Its conditions, and those of filters inside it, with the path of the array whose elements a
    /// nested filter looks at.
    package var leaves: [(parent: PayloadPath?, condition: Condition)] {
        var leaves: [(PayloadPath?, Condition)] = []
        collect(into: &leaves, within: nil)
        return leaves
    }

    private func collect(
        into leaves: inout [(PayloadPath?, Condition)], within parent: PayloadPath?
    ) {
        for condition in must + should + mustNot + (minShould?.conditions ?? []) {
            switch condition {
            case .filter(let filter): filter.collect(into: &leaves, within: parent)
            case .nested(let path, let filter):
                let elements = PayloadPath(
                    steps: (parent?.steps ?? []) + path.everyElement.steps)
                filter.collect(into: &leaves, within: elements)
            case .field, .isEmpty, .isNull, .hasID, .hasVector, .slice:
                leaves.append((parent, condition))
            }
        }
    }
}

extension Condition {
    fileprivate var size: Int {
        switch self {
        case .hasID(let ids): ids.count
        case .field(_, let predicate): predicate.size
        case .isEmpty, .isNull, .hasVector, .slice, .nested, .filter: 0
        }
    }
}

extension FieldPredicate {
    fileprivate var size: Int {
        switch self {
        case .matchAnyKeyword(let keywords), .matchExceptKeyword(let keywords): keywords.count
        case .matchAnyInteger(let integers), .matchExceptInteger(let integers): integers.count
        case .geoPolygon(let exterior, let interiors):
            interiors.reduce(exterior.count) { $0 + $1.count }
        case .matchKeyword, .matchInteger, .matchBool, .matchText, .matchTextAny, .matchPhrase,
            .matchPrefix, .range, .datetimeRange, .geoRadius, .geoBoundingBox, .valuesCount:
            0
        }
    }
}
