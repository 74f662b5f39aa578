package import ApusCore

/// Payloads whose fields have an index each, mostly with values of its type and now and then with
/// others, and filters over them that match often.
package enum RandomFilters {
    /// A field of each type, one inside an array of objects, and one without an index.
    package static let fields: [PayloadPath: PayloadFieldSchema] = [
        PayloadPath(key: "word"): PayloadFieldSchema(type: .keyword),
        PayloadPath(key: "count"): PayloadFieldSchema(type: .integer),
        PayloadPath(key: "size"): PayloadFieldSchema(type: .float),
        PayloadPath(key: "flag"): PayloadFieldSchema(type: .bool),
        PayloadPath(key: "time"): PayloadFieldSchema(type: .datetime),
        PayloadPath(key: "id"): PayloadFieldSchema(type: .uuid),
        PayloadPath(key: "place"): PayloadFieldSchema(type: .geo),
        PayloadPath(key: "text"): PayloadFieldSchema(type: .text),
        PayloadPath(steps: [.key("parts"), .everyElement, .key("word")]):
            PayloadFieldSchema(type: .keyword),
        PayloadPath(steps: [.key("parts"), .everyElement, .key("text")]):
            PayloadFieldSchema(
                type: .text, parameters: ["tokenizer": .string("prefix"), "min_token_len": 2]),
    ]

    package static func payload(_ random: inout some RandomNumberGenerator) -> Payload {
        var payload: Payload = [:]
        for key in ["word", "count", "size", "flag", "time", "id", "place", "text", "free"]
        where Int.random(in: 0..<4, using: &random) > 0 {
            payload[key] = values(of: key, &random)
        }
        if Bool.random(using: &random) {
            payload["parts"] = .array(
                (0..<Int.random(in: 0...3, using: &random)).map { _ in
                    var part: Payload = [:]
                    part["word"] = values(of: "word", &random)
                    if Bool.random(using: &random) { part["text"] = values(of: "text", &random) }
                    part["count"] = values(of: "count", &random)
                    return .object(part)
                })
        }
        return payload
    }

    /// One value, or an array of some.
    private static func values(of key: String, _ random: inout some RandomNumberGenerator)
        -> JSONValue
    {
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            .array(
                (0..<Int.random(in: 0...3, using: &random)).map { _ in value(of: key, &random) })
        case 1:
            value(
                of: ["word", "count", "size", "flag"].randomElement(using: &random) ?? key, &random)
        case 2 where Bool.random(using: &random): .null
        default: value(of: key, &random)
        }
    }

    private static func value(of key: String, _ random: inout some RandomNumberGenerator)
        -> JSONValue
    {
        switch key {
        case "count": .integer(integer(&random))
        case "size":
            Bool.random(using: &random) ? .double(number(&random)) : .integer(integer(&random))
        case "flag": .bool(.random(using: &random))
        case "time": .string(time(&random))
        case "place":
            .object([
                "lon": .double(point(&random).longitude), "lat": .double(point(&random).latitude),
            ])
        case "text":
            .string((0..<4).map { _ in word(&random) }.joined(separator: " "))
        case "free": .integer(Int64.random(in: 0...3, using: &random))
        default: Int.random(in: 0..<12, using: &random) == 0 ? .null : .string(word(&random))
        }
    }

    private static func integer(_ random: inout some RandomNumberGenerator) -> Int64 {
        [.min, .max, (1 << 53) + 1, 1 << 53, -1].randomElement(using: &random)
            .flatMap { Int.random(in: 0..<6, using: &random) == 0 ? $0 : nil }
            ?? Int64.random(in: -5...5, using: &random)
    }

    private static func number(_ random: inout some RandomNumberGenerator) -> Double {
        [0, -0.0, 1e300, -.infinity, 0.1].randomElement(using: &random)
            .flatMap { Bool.random(using: &random) ? $0 : nil }
            ?? Double(Int.random(in: -10...10, using: &random)) / 2
    }

    private static func time(_ random: inout some RandomNumberGenerator) -> String {
        Timestamp(microseconds: timestamp(&random)).description
    }

    private static func timestamp(_ random: inout some RandomNumberGenerator) -> Int64 {
        Int64.random(in: -20...20, using: &random) * 86_400_000_000
    }

    private static func word(_ random: inout some RandomNumberGenerator) -> String {
        ["", "a", "ab", "abc", "b", "Ab", "é", "naïve", "語", "zz"].randomElement(using: &random)
            ?? ""
    }

    private static func point(_ random: inout some RandomNumberGenerator) -> GeoPoint {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: GeoPoint(longitude: 180, latitude: 90)
        case 1:
            GeoPoint(longitude: -180, latitude: Double(Int.random(in: -90...90, using: &random)))
        case 2: GeoPoint(longitude: 190, latitude: 10)
        case 3...6:
            GeoPoint(
                longitude: 13 + Double.random(in: -1...1, using: &random),
                latitude: 52 + Double.random(in: -1...1, using: &random))
        default:
            GeoPoint(
                longitude: .random(in: -180...180, using: &random),
                latitude: .random(in: -90...90, using: &random))
        }
    }

    // MARK: Filters

    package static func filter(_ random: inout some RandomNumberGenerator, depth: Int = 2) -> Filter
    {
        var filter = Filter()
        filter.must = conditions(0...2, depth, &random)
        if Bool.random(using: &random) { filter.should = conditions(1...3, depth, &random) }
        if Bool.random(using: &random) { filter.mustNot = conditions(1...2, depth, &random) }
        if Int.random(in: 0..<4, using: &random) == 0 {
            filter.minShould = Filter.MinShould(
                conditions: conditions(1...3, depth, &random),
                count: Int.random(in: 0...4, using: &random))
        }
        return filter
    }

    private static func conditions(
        _ count: ClosedRange<Int>, _ depth: Int, _ random: inout some RandomNumberGenerator
    ) -> [Condition] {
        (0..<Int.random(in: count, using: &random)).map { _ in condition(depth, &random) }
    }

    private static func condition(_ depth: Int, _ random: inout some RandomNumberGenerator)
        -> Condition
    {
        let parts = PayloadPath(key: "parts")
        switch Int.random(in: 0..<16, using: &random) {
        case 0: return .isEmpty(anyField(&random))
        case 1: return .isNull(anyField(&random))
        case 2:
            return .hasID(
                Set((0..<5).map { _ in PointID.number(.random(in: 0..<200, using: &random)) }))
        case 3:
            return .field(
                PayloadPath(key: "free"), .matchInteger(.random(in: 0...3, using: &random)))
        case 4 where depth > 0: return .filter(filter(&random, depth: depth - 1))
        case 5 where depth > 0:
            return .nested(
                parts,
                Filter(
                    must: [
                        .field(PayloadPath(key: "word"), predicate(.keyword, &random)),
                        .field(PayloadPath(key: "count"), predicate(.integer, &random)),
                    ],
                    mustNot: Bool.random(using: &random)
                        ? [.field(PayloadPath(key: "word"), predicate(.keyword, &random))] : []))
        case 6: return .slice(total: 3, index: 1)
        case 7: return .field(anyField(&random), .valuesCount(NumericRange(greaterThan: 1)))
        default:
            let (field, schema) =
                fields.sorted { $0.key.description < $1.key.description }
                .randomElement(using: &random)
                ?? (PayloadPath(key: "word"), PayloadFieldSchema(type: .keyword))
            let type =
                Int.random(in: 0..<8, using: &random) == 0
                ? PayloadFieldType.allCases.randomElement(using: &random) ?? schema.type
                : schema.type
            return .field(field, predicate(type, &random))
        }
    }

    private static func anyField(_ random: inout some RandomNumberGenerator) -> PayloadPath {
        fields.keys.sorted { $0.description < $1.description }.randomElement(using: &random)
            ?? PayloadPath(key: "word")
    }

    private static func predicate(
        _ type: PayloadFieldType, _ random: inout some RandomNumberGenerator
    ) -> FieldPredicate {
        let choice = Int.random(in: 0..<4, using: &random)
        switch type {
        case .keyword, .uuid:
            switch choice {
            case 0: return .matchAnyKeyword([word(&random), word(&random)])
            case 1: return .matchExceptKeyword([word(&random), word(&random)])
            case 2: return .matchPrefix(word(&random))
            default: return .matchKeyword(word(&random))
            }
        case .integer:
            switch choice {
            case 0: return .matchAnyInteger([integer(&random), integer(&random)])
            case 1: return .matchExceptInteger([integer(&random), integer(&random)])
            case 2: return range(&random)
            default: return .matchInteger(integer(&random))
            }
        case .float: return choice == 0 ? .matchInteger(integer(&random)) : range(&random)
        case .bool: return .matchBool(.random(using: &random))
        case .datetime:
            let start = timestamp(&random)
            return .datetimeRange(
                DatetimeRange(
                    lessThan: Timestamp(microseconds: start + 5 * 86_400_000_000),
                    greaterOrEqual: Bool.random(using: &random)
                        ? Timestamp(microseconds: start) : nil))
        case .geo:
            let center = point(&random)
            switch choice {
            case 0:
                return .geoBoundingBox(
                    topLeft: GeoPoint(longitude: center.longitude - 1, latitude: 53),
                    bottomRight: GeoPoint(longitude: 13.5, latitude: -10))
            case 1:
                let ring = [(0.0, 0.0), (2, 0), (2, 2), (0, 2), (0, 0)].map {
                    GeoPoint(longitude: 12 + $0.0, latitude: 51 + $0.1)
                }
                return .geoPolygon(exterior: ring, interiors: [])
            default:
                let metres: [Double] = [0, 1000, 50_000, 1_000_000, 15_000_000, 30_000_000]
                return .geoRadius(
                    center: center, metres: metres.randomElement(using: &random) ?? 1)
            }
        case .text:
            let text = "\(word(&random)) \(word(&random))"
            switch choice {
            case 0: return .matchPhrase(text)
            case 1: return .matchTextAny(text)
            default: return .matchText(text)
            }
        }
    }

    private static func range(_ random: inout some RandomNumberGenerator) -> FieldPredicate {
        func bound(_ random: inout some RandomNumberGenerator) -> Double? {
            Bool.random(using: &random) ? number(&random) : nil
        }
        return .range(
            NumericRange(
                lessThan: bound(&random), greaterThan: bound(&random),
                greaterOrEqual: bound(&random), lessOrEqual: bound(&random)))
    }
}
