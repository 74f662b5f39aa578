import ApusCore
import ApusWire
import Testing

@Suite struct JSONFilterTests {
    private func filter(_ text: String) throws -> Filter {
        let request: CountRequest = try decode("count", #"{"filter": \#(text)}"#)
        return try #require(request.filter)
    }

    private func condition(_ text: String) throws -> Condition {
        try #require(try filter(#"{"must": \#(text)}"#).must.first)
    }

    @Test func theFilterThatAClientSends() throws {
        let request = try #require(
            try decode("count", CapturedBodies.body("count")) as? CountRequest)
        let where_ = PayloadPath(key: "where")
        #expect(
            request.filter
                == Filter(
                    must: [
                        .field(PayloadPath(key: "city"), .matchAnyKeyword(["Köln", "Bonn"])),
                        .field(PayloadPath(key: "n"), .matchExceptInteger([1, 2])),
                        .field(PayloadPath(key: "title"), .matchText("swift birds")),
                        .field(PayloadPath(key: "flag"), .matchBool(true)),
                        .field(
                            PayloadPath(key: "price"),
                            .range(NumericRange(lessThan: 100, greaterOrEqual: 1.5))),
                        .field(
                            PayloadPath(key: "at"),
                            .datetimeRange(
                                DatetimeRange(
                                    greaterThan: Timestamp(microseconds: 1_704_164_645_000_000)))),
                        .field(
                            try #require(PayloadPath("tags[]")),
                            .valuesCount(NumericRange(greaterOrEqual: 1))),
                        .filter(Filter(should: [.isNull(PayloadPath(key: "x"))])),
                    ],
                    should: [
                        .field(
                            where_,
                            .geoRadius(
                                center: GeoPoint(longitude: 6.95, latitude: 50.93), metres: 1000)),
                        .field(
                            where_,
                            .geoBoundingBox(
                                topLeft: GeoPoint(longitude: 6, latitude: 51),
                                bottomRight: GeoPoint(longitude: 7, latitude: 50))),
                        .field(
                            where_,
                            .geoPolygon(
                                exterior: [(0, 0), (1, 0), (1, 1), (0, 0)].map {
                                    GeoPoint(longitude: $0.0, latitude: $0.1)
                                }, interiors: [])),
                    ],
                    mustNot: [
                        .hasID([
                            1,
                            .uuid(
                                UUIDBytes(high: 0x550e_8400_e29b_41d4, low: 0xa716_4466_5544_0000)),
                        ]),
                        .hasVector("text"),
                        .nested(
                            PayloadPath(key: "items"),
                            Filter(must: [.field(PayloadPath(key: "n"), .matchInteger(5))])),
                    ],
                    minShould: Filter.MinShould(
                        conditions: [.isEmpty(PayloadPath(key: "y"))], count: 1)))
    }

    @Test func oneConditionNeedsNoList() throws {
        #expect(
            try filter(#"{"must_not": {"has_id": [3]}, "should": [], "must": null}"#)
                == Filter(mustNot: [.hasID([3])]))
    }

    @Test func aKeyMayComeAfterItsPredicate() throws {
        #expect(
            try condition(#"{"match": {"value": -3}, "key": "a"}"#)
                == .field(PayloadPath(key: "a"), .matchInteger(-3)))
    }

    @Test func severalPredicatesOfOneFieldAreAlternatives() throws {
        let path = PayloadPath(key: "a")
        #expect(
            try condition(#"{"key": "a", "match": {"value": "x"}, "range": {"lt": 3}}"#)
                == .filter(
                    Filter(should: [
                        .field(path, .matchKeyword("x")),
                        .field(path, .range(NumericRange(lessThan: 3))),
                    ])))
    }

    @Test func absenceHasTwoForms() throws {
        let path = PayloadPath(key: "a")
        #expect(try condition(#"{"is_empty": {"key": "a"}}"#) == .isEmpty(path))
        #expect(try condition(#"{"is_null": {"key": "a"}}"#) == .isNull(path))
        #expect(try condition(#"{"key": "a", "is_empty": true}"#) == .isEmpty(path))
        #expect(
            try condition(#"{"key": "a", "is_null": false}"#)
                == .filter(Filter(mustNot: [.isNull(path)])))
    }

    @Test func matchesOfEveryKind() throws {
        for (text, expected) in [
            (#"{"text_any": "a b"}"#, FieldPredicate.matchTextAny("a b")),
            (#"{"phrase": "a b"}"#, .matchPhrase("a b")), (#"{"prefix": "a"}"#, .matchPrefix("a")),
            (#"{"any": []}"#, .matchAnyKeyword([])),
            (#"{"any": [1, 2]}"#, .matchAnyInteger([1, 2])),
            (#"{"except": ["a"]}"#, .matchExceptKeyword(["a"])),
        ] {
            #expect(
                try condition(#"{"key": "k", "match": \#(text)}"#)
                    == .field(PayloadPath(key: "k"), expected))
        }
        #expect(
            try condition(#"{"slice": {"total": 4, "index": 3}}"#) == .slice(total: 4, index: 3))
    }

    @Test func anEmptyFilterMatchesAllButAMisspeltOneIsRefused() throws {
        #expect(try filter("{}").isEmpty)
        #expect(
            decodingError("deletePoints", #"{"filter": {"mustt": []}}"#)?.kind == .invalidArgument)
        #expect(decodingError("deletePoints", #"{"filter": null}"#)?.kind == .invalidArgument)
        #expect(
            decodingError("deletePoints", #"{"filter": {"key": "a", "match": {"value": 1}}}"#)?.kind
                == .invalidArgument)
    }

    @Test(arguments: [
        #"{"must": 5}"#, #"{"must": "a"}"#, #"{"must": [5]}"#, #"{"must": [null]}"#, "[]", "5",
        #"{"must": [{"match": {"value": 1}}]}"#, #"{"must": [{"key": 5, "match": {"value": 1}}]}"#,
        #"{"must": [{"key": "a[", "match": {"value": 1}}]}"#,
        #"{"must": [{"key": "a", "match": {}}]}"#,
        #"{"must": [{"key": "a", "match": {"value": 1.5}}]}"#,
        #"{"must": [{"key": "a", "match": {"value": [1]}}]}"#,
        #"{"must": [{"key": "a", "match": {"any": [1, "b"]}}]}"#,
        #"{"must": [{"key": "a", "match": {"any": ["b", 1]}}]}"#,
        #"{"must": [{"key": "a", "match": {"any": 1}}]}"#,
        #"{"must": [{"key": "a", "range": {"gt": "yesterday"}}]}"#,
        #"{"must": [{"key": "a", "range": {"gt": 1, "lt": "2024-01-01"}}]}"#,
        #"{"must": [{"key": "a", "range": {"above": 1}}]}"#,
        #"{"must": [{"key": "a", "values_count": {"gt": -1}}]}"#,
        #"{"must": [{"key": "a", "has_id": [1]}]}"#, #"{"must": [{"has_id": ["x"]}]}"#,
        #"{"must": [{"has_id": 1}]}"#, #"{"must": [{"unknown": 1}]}"#,
        #"{"must": [{"nested": {"key": "a"}}]}"#, #"{"must": [{"is_empty": {}}]}"#,
        #"{"must": [{"key": "a", "geo_radius": {"center": {"lon": 500, "lat": 0}, "radius": 1}}]}"#,
        #"{"must": [{"key": "a", "geo_radius": {"center": {"lon": 5}, "radius": 1}}]}"#,
        #"{"must": [{"key": "a", "geo_polygon": {"exterior": {"points": []}}}]}"#,
        #"{"min_should": {"conditions": []}}"#,
    ])
    func whatIsNoFilterIsRefused(text: String) {
        #expect(decodingError("count", #"{"filter": \#(text)}"#)?.kind == .invalidArgument)
    }

    @Test(arguments: [
        #"{"must": [{"key": "a"}]}"#, #"{"min_should": {"conditions": [], "min_count": 0}}"#,
        #"{"must": [{"slice": {"total": 0, "index": 0}}]}"#,
        #"{"must": [{"slice": {"total": 2, "index": 2}}]}"#,
    ])
    func valuesOutsideTheirLimitsAreRefused(text: String) {
        #expect(decodingError("count", #"{"filter": \#(text)}"#)?.kind == .validation)
    }

    @Test func filtersNestToTheDepthOfTheReader() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: #"{"must":["#, count: depth) + #"{"has_id":[1]}"#
                + String(repeating: "]}", count: depth)
        }
        _ = try filter(nested(60))
        #expect(
            decodingError("count", #"{"filter": \#(nested(20_000))}"#)?.kind == .invalidArgument)
    }
}
