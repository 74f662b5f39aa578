import ApusCore

/// Reads a filter of a fixture, which has the wire API's JSON form.
struct FixtureFilter {
    struct Malformed: Error { let json: JSONValue }

    static func filter(_ json: JSONValue) throws -> Filter {
        var filter = Filter(
            must: try conditions(json["must"]), should: try conditions(json["should"]),
            mustNot: try conditions(json["must_not"]))
        if let minShould = json["min_should"] {
            filter.minShould = Filter.MinShould(
                conditions: try conditions(minShould["conditions"]),
                count: Int(minShould["min_count"]?.integer ?? 0))
        }
        return filter
    }

    private static func conditions(_ json: JSONValue?) throws -> [Condition] {
        try (json?.elements ?? []).map(condition)
    }

    private static func condition(_ json: JSONValue) throws -> Condition {
        if let empty = json["is_empty"] { return .isEmpty(try path(empty)) }
        if let null = json["is_null"] { return .isNull(try path(null)) }
        if let ids = json["has_id"] { return .hasID(Set(ids.elements.compactMap(\.pointID))) }
        if let name = json["has_vector"]?.text { return .hasVector(name) }
        if let slice = json["slice"] {
            return .slice(
                total: UInt32(slice["total"]?.integer ?? 0),
                index: UInt32(slice["index"]?.integer ?? 0))
        }
        if let nested = json["nested"], let inner = nested["filter"] {
            return .nested(try path(nested), try filter(inner))
        }
        guard json["key"] != nil else { return .filter(try filter(json)) }
        return .field(try path(json), try predicate(json))
    }

    private static func path(_ json: JSONValue) throws -> PayloadPath {
        guard let text = json["key"]?.text, let path = PayloadPath(text) else {
            throw Malformed(json: json)
        }
        return path
    }

    private static func predicate(_ json: JSONValue) throws -> FieldPredicate {
        if let match = json["match"] { return try self.match(match) }
        if let count = json["values_count"] { return .valuesCount(range(count)) }
        if let bounds = json["range"] {
            guard bounds.members.values.contains(where: { $0.text != nil }) else {
                return .range(range(bounds))
            }
            func time(_ name: String) -> Timestamp? {
                bounds[name]?.text.flatMap(Timestamp.init(rfc3339:))
            }
            return .datetimeRange(
                DatetimeRange(
                    lessThan: time("lt"), greaterThan: time("gt"), greaterOrEqual: time("gte"),
                    lessOrEqual: time("lte")))
        }
        if let circle = json["geo_radius"] {
            return .geoRadius(
                center: point(circle["center"]), metres: circle["radius"]?.number ?? 0)
        }
        if let box = json["geo_bounding_box"] {
            return .geoBoundingBox(
                topLeft: point(box["top_left"]), bottomRight: point(box["bottom_right"]))
        }
        if let polygon = json["geo_polygon"] {
            return .geoPolygon(
                exterior: ring(polygon["exterior"]),
                interiors: (polygon["interiors"]?.elements ?? []).map(ring))
        }
        throw Malformed(json: json)
    }

    private static func match(_ json: JSONValue) throws -> FieldPredicate {
        switch json["value"] {
        case .string(let text)?: return .matchKeyword(text)
        case .integer(let number)?: return .matchInteger(number)
        case .bool(let value)?: return .matchBool(value)
        default: break
        }
        if let text = json["text"]?.text { return .matchText(text) }
        if let text = json["text_any"]?.text { return .matchTextAny(text) }
        if let text = json["phrase"]?.text { return .matchPhrase(text) }
        if let text = json["prefix"]?.text { return .matchPrefix(text) }
        if let any = json["any"]?.elements {
            let texts = any.compactMap(\.text)
            return texts.isEmpty
                ? .matchAnyInteger(Set(any.compactMap(\.integer))) : .matchAnyKeyword(Set(texts))
        }
        if let except = json["except"]?.elements {
            let texts = except.compactMap(\.text)
            return texts.isEmpty
                ? .matchExceptInteger(Set(except.compactMap(\.integer)))
                : .matchExceptKeyword(Set(texts))
        }
        throw Malformed(json: json)
    }

    private static func range(_ json: JSONValue) -> NumericRange {
        NumericRange(
            lessThan: json["lt"]?.number, greaterThan: json["gt"]?.number,
            greaterOrEqual: json["gte"]?.number, lessOrEqual: json["lte"]?.number)
    }

    private static func point(_ json: JSONValue?) -> GeoPoint {
        GeoPoint(
            longitude: json?["lon"]?.number ?? .nan, latitude: json?["lat"]?.number ?? .nan)
    }

    private static func ring(_ json: JSONValue?) -> [GeoPoint] {
        (json?["points"]?.elements ?? []).map(point)
    }
}
