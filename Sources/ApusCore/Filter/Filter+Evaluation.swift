/// What a filter means, over any form of payload.
///
/// A condition on a field holds when any value at the field's path satisfies it; an array at the
/// path's end stands for its elements (one level, arrays inside arrays are values of their own).
/// Integers, floating-point numbers, booleans and strings never equal each other; ranges compare
/// all numbers by value. Conditions of a nested filter see one element as their payload and no id
/// or vectors, so those on ids and vectors are false there.
extension CompiledConditions {
    /// `id` is nil inside nested filters.
    func matches<Node: PayloadNode>(
        _ payload: Node, id: PointID?, hasVector: (String) -> Bool
    ) -> Bool {
        for condition in must where !condition.matches(payload, id: id, hasVector: hasVector) {
            return false
        }
        for condition in mustNot where condition.matches(payload, id: id, hasVector: hasVector) {
            return false
        }
        if !should.isEmpty,
            !should.contains(where: { $0.matches(payload, id: id, hasVector: hasVector) })
        {
            return false
        }
        guard let minShould, minShould.count > 0 else { return true }
        var count = 0
        for condition in minShould.conditions
        where condition.matches(payload, id: id, hasVector: hasVector) {
            count += 1
            if count == minShould.count { return true }
        }
        return false
    }
}

extension CompiledCondition {
    func matches<Node: PayloadNode>(
        _ payload: Node, id: PointID?, hasVector: (String) -> Bool
    ) -> Bool {
        switch self {
        case .field(let path, let predicate):
            path.anyValue(in: payload) { value in
                if value.kind == .array {
                    value.anyElement { predicate.matches($0) }
                } else {
                    predicate.matches(value)
                }
            }
        case .valuesCount(let path, let range): matchesCount(of: path, range, in: payload)
        case .text(let path, let query): path.anyValue(in: payload) { query.matches($0) }
        case .isEmpty(let path): !path.hasValue(in: payload)
        case .isNull(let path):
            path.anyValue(in: payload) { value in
                value.kind == .null || value.anyElement { $0.kind == .null }
            }
        case .hasID(let ids): id.map(ids.contains) ?? false
        case .hasVector(let name): id != nil && hasVector(name)
        case .nested(let path, let conditions):
            path.anyValue(in: payload) { element in
                element.kind == .object
                    && conditions.matches(element, id: nil, hasVector: { _ in false })
            }
        case .slice(let total, let index):
            id.map { total > 0 && SipHash24.hash(of: $0) % total == index } ?? false
        case .filter(let conditions):
            conditions.matches(payload, id: id, hasVector: hasVector)
        }
    }

    /// Null and missing count 0, an array its elements, anything else 1.
    private func matchesCount<Node: PayloadNode>(
        of path: CompiledPath, _ range: NumericRange, in payload: Node
    ) -> Bool {
        var isMissing = true
        let matches = path.anyValue(in: payload) { value in
            isMissing = false
            let count =
                switch value.kind {
                case .null: 0
                case .array: value.elementCount
                case .bool, .integer, .double, .string, .object: 1
                }
            return range.contains(Double(count))
        }
        return matches || (isMissing && range.contains(0))
    }
}

extension CompiledPredicate {
    /// Whether one value, which is not an array to be looked into, satisfies this.
    func matches<Node: PayloadNode>(_ value: Node) -> Bool {
        switch self {
        case .keyword(let keyword):
            value.withText { $0.order(to: keyword) == 0 } ?? false
        case .integer(let number): value.kind == .integer(number)
        case .bool(let expected): value.kind == .bool(expected)
        case .text(let query): query.matches(value)
        case .hasPrefix(let prefix): value.withText { $0.hasPrefix(prefix) } ?? false
        case .anyKeyword(let keywords): value.withText { keywords.contains($0) } ?? false
        case .anyInteger(let numbers): value.integer.map(numbers.contains) ?? false
        case .exceptKeyword(let keywords):
            value.kind != .null && !(value.withText { keywords.contains($0) } ?? false)
        case .exceptInteger(let numbers):
            value.kind != .null && !(value.integer.map(numbers.contains) ?? false)
        case .range(let range): value.number.map(range.contains) ?? false
        case .datetimeRange(let range):
            value.withText { TimestampParser.parse($0).map(range.contains) ?? false } ?? false
        case .geo(let area): value.geoPoint.map(area.contains) ?? false
        case .never: false
        }
    }
}

extension PayloadNode {
    package var integer: Int64? {
        if case .integer(let value) = kind { value } else { nil }
    }

    package var number: Double? {
        switch kind {
        case .integer(let value): Double(value)
        case .double(let value): value
        case .null, .bool, .string, .array, .object: nil
        }
    }

    /// The point of an object with the members `lon` and `lat`.
    package var geoPoint: GeoPoint? {
        guard let longitude = member(.longitude)?.number, let latitude = member(.latitude)?.number
        else { return nil }
        return GeoPoint(longitude: longitude, latitude: latitude)
    }
}

extension PayloadKey {
    fileprivate static let longitude = PayloadKey("lon")
    fileprivate static let latitude = PayloadKey("lat")
}

extension NumericRange {
    /// Whether a number satisfies all bounds.
    package func contains(_ value: Double) -> Bool {
        if let lessThan, !(value < lessThan) { return false }
        if let greaterThan, !(value > greaterThan) { return false }
        if let greaterOrEqual, !(value >= greaterOrEqual) { return false }
        if let lessOrEqual, !(value <= lessOrEqual) { return false }
        return true
    }
}

extension DatetimeRange {
    /// Whether a time satisfies all bounds.
    package func contains(_ value: Timestamp) -> Bool {
        if let lessThan, !(value < lessThan) { return false }
        if let greaterThan, !(value > greaterThan) { return false }
        if let greaterOrEqual, !(value >= greaterOrEqual) { return false }
        if let lessOrEqual, !(value <= lessOrEqual) { return false }
        return true
    }
}
