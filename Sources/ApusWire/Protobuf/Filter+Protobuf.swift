package import ApusCore
package import ApusProto

extension Filter {
    /// The decoder bounds how deep messages nest, and with it the depth of this recursion.
    package init(_ message: Qdrant_Filter) throws(DatabaseError) {
        self.init(
            must: try Condition.conditions(message.must),
            should: try Condition.conditions(message.should),
            mustNot: try Condition.conditions(message.mustNot),
            minShould: message.hasMinShould ? try MinShould(message.minShould) : nil)
    }
}

extension Filter.MinShould {
    init(_ message: Qdrant_MinShould) throws(DatabaseError) {
        self.init(
            conditions: try Condition.conditions(message.conditions),
            count: Int(count: message.minCount))
    }
}

extension Condition {
    static func conditions(
        _ messages: [Qdrant_Condition]
    ) throws(DatabaseError) -> [Condition] {
        try messages.map { message throws(DatabaseError) in try Condition(message) }
    }

    package init(_ message: Qdrant_Condition) throws(DatabaseError) {
        switch message.conditionOneOf {
        case .field(let field): self = try Self.field(field)
        case .isEmpty(let condition):
            self = .isEmpty(try PayloadPath(text: condition.key, field: "is_empty"))
        case .isNull(let condition):
            self = .isNull(try PayloadPath(text: condition.key, field: "is_null"))
        case .hasID_p(let condition):
            self = .hasID(Set(try PointID.ids(condition.hasID_p)))
        case .hasVector_p(let condition): self = .hasVector(condition.hasVector_p)
        case .nested(let condition):
            guard condition.hasFilter else {
                throw .wrongInput("A nested condition on '\(condition.key)' has no filter")
            }
            self = .nested(
                try PayloadPath(text: condition.key, field: "nested"),
                try Filter(condition.filter))
        case .slice(let condition):
            guard condition.index < condition.total else {
                throw .wrongInput(
                    "Slice \(condition.index) of \(condition.total): the index must be smaller")
            }
            self = .slice(total: condition.total, index: condition.index)
        case .filter(let filter): self = .filter(try Filter(filter))
        case nil: throw .wrongInput("A filter condition has no content")
        }
    }

    /// Several tests in one message hold if any of them does.
    private static func field(
        _ message: Qdrant_FieldCondition
    ) throws(DatabaseError) -> Condition {
        let path = try PayloadPath(text: message.key, field: "filter")
        var tests = try FieldPredicate.predicates(message).map { Condition.field(path, $0) }
        if message.hasIsEmpty {
            tests.append(message.isEmpty ? .isEmpty(path) : .not(.isEmpty(path)))
        }
        if message.hasIsNull {
            tests.append(message.isNull ? .isNull(path) : .not(.isNull(path)))
        }
        guard let first = tests.first else {
            throw .wrongInput("The condition on '\(message.key)' tests nothing")
        }
        return tests.count == 1 ? first : .filter(Filter(should: tests))
    }

    private static func not(_ condition: Condition) -> Condition {
        .filter(Filter(mustNot: [condition]))
    }
}

extension FieldPredicate {
    fileprivate static func predicates(
        _ message: Qdrant_FieldCondition
    ) throws(DatabaseError) -> [FieldPredicate] {
        var predicates: [FieldPredicate] = []
        if message.hasMatch { predicates.append(try FieldPredicate(message.match)) }
        if message.hasRange { predicates.append(.range(NumericRange(message.range))) }
        if message.hasDatetimeRange {
            predicates.append(.datetimeRange(try DatetimeRange(message.datetimeRange)))
        }
        if message.hasGeoBoundingBox {
            let box = message.geoBoundingBox
            predicates.append(
                .geoBoundingBox(
                    topLeft: try GeoPoint(box.topLeft), bottomRight: try GeoPoint(box.bottomRight)))
        }
        if message.hasGeoRadius {
            predicates.append(
                .geoRadius(
                    center: try GeoPoint(message.geoRadius.center),
                    metres: Double(message.geoRadius.radius)))
        }
        if message.hasGeoPolygon {
            predicates.append(
                .geoPolygon(
                    exterior: try GeoPoint.ring(message.geoPolygon.exterior),
                    interiors: try message.geoPolygon.interiors.map {
                        line throws(DatabaseError) in try GeoPoint.ring(line)
                    }))
        }
        if message.hasValuesCount {
            predicates.append(.valuesCount(NumericRange(message.valuesCount)))
        }
        return predicates
    }

    private init(_ message: Qdrant_Match) throws(DatabaseError) {
        switch message.matchValue {
        case .keyword(let value): self = .matchKeyword(value)
        case .integer(let value): self = .matchInteger(value)
        case .boolean(let value): self = .matchBool(value)
        case .text(let value): self = .matchText(value)
        case .textAny(let value): self = .matchTextAny(value)
        case .phrase(let value): self = .matchPhrase(value)
        case .prefix(let value): self = .matchPrefix(value)
        case .keywords(let list): self = .matchAnyKeyword(Set(list.strings))
        case .integers(let list): self = .matchAnyInteger(Set(list.integers))
        case .exceptKeywords(let list): self = .matchExceptKeyword(Set(list.strings))
        case .exceptIntegers(let list): self = .matchExceptInteger(Set(list.integers))
        case nil: throw .wrongInput("A match condition has no value")
        }
    }
}

extension NumericRange {
    fileprivate init(_ message: Qdrant_Range) {
        self.init(
            lessThan: message.hasLt ? message.lt : nil,
            greaterThan: message.hasGt ? message.gt : nil,
            greaterOrEqual: message.hasGte ? message.gte : nil,
            lessOrEqual: message.hasLte ? message.lte : nil)
    }

    fileprivate init(_ message: Qdrant_ValuesCount) {
        self.init(
            lessThan: message.hasLt ? Double(message.lt) : nil,
            greaterThan: message.hasGt ? Double(message.gt) : nil,
            greaterOrEqual: message.hasGte ? Double(message.gte) : nil,
            lessOrEqual: message.hasLte ? Double(message.lte) : nil)
    }
}

extension DatetimeRange {
    fileprivate init(_ message: Qdrant_DatetimeRange) throws(DatabaseError) {
        self.init(
            lessThan: message.hasLt ? try Timestamp(message.lt) : nil,
            greaterThan: message.hasGt ? try Timestamp(message.gt) : nil,
            greaterOrEqual: message.hasGte ? try Timestamp(message.gte) : nil,
            lessOrEqual: message.hasLte ? try Timestamp(message.lte) : nil)
    }
}

extension GeoPoint {
    init(_ message: Qdrant_GeoPoint) throws(DatabaseError) {
        guard (-180.0...180).contains(message.lon), (-90.0...90).contains(message.lat) else {
            throw .wrongInput(
                "Longitude must be in [-180, 180] and latitude in [-90, 90], found "
                    + "\(message.lon), \(message.lat)")
        }
        self.init(longitude: message.lon, latitude: message.lat)
    }

    /// A closed line of at least four points.
    fileprivate static func ring(
        _ message: Qdrant_GeoLineString
    ) throws(DatabaseError) -> [GeoPoint] {
        guard message.points.count >= 4 else {
            throw .wrongInput(
                "A polygon's line needs at least 4 points, found \(message.points.count)")
        }
        guard message.points.first == message.points.last else {
            throw .wrongInput("A polygon's line must end at its first point")
        }
        return try message.points.map { point throws(DatabaseError) in try GeoPoint(point) }
    }
}
