import ApusCore
import ApusProto
import ApusWire
import SwiftProtobuf
import Testing

@Suite struct ProtobufFilterTests {
    private static func field(
        _ change: (inout Qdrant_FieldCondition) -> Void
    ) -> Qdrant_Condition {
        .with {
            $0.field.key = "a.b[]"
            change(&$0.field)
        }
    }

    @Test func everyPredicateIsRead() throws {
        let path = try #require(PayloadPath("a.b[]"))
        let ring = [(0.0, 0.0), (1, 0), (1, 1), (0, 0)].map { point in
            Qdrant_GeoPoint.with {
                $0.lon = point.0
                $0.lat = point.1
            }
        }
        let line = Qdrant_GeoLineString.with { $0.points = ring }
        let corners = ring.map { GeoPoint(longitude: $0.lon, latitude: $0.lat) }
        let cases: [(Qdrant_Condition, FieldPredicate)] = [
            (Self.field { $0.match.keyword = "x" }, .matchKeyword("x")),
            (Self.field { $0.match.integer = -1 }, .matchInteger(-1)),
            (Self.field { $0.match.boolean = false }, .matchBool(false)),
            (Self.field { $0.match.text = "x y" }, .matchText("x y")),
            (Self.field { $0.match.textAny = "x y" }, .matchTextAny("x y")),
            (Self.field { $0.match.phrase = "x y" }, .matchPhrase("x y")),
            (Self.field { $0.match.prefix = "x" }, .matchPrefix("x")),
            (Self.field { $0.match.keywords.strings = ["x", "y"] }, .matchAnyKeyword(["x", "y"])),
            (Self.field { $0.match.integers.integers = [1, 2] }, .matchAnyInteger([1, 2])),
            (Self.field { $0.match.exceptKeywords.strings = ["x"] }, .matchExceptKeyword(["x"])),
            (Self.field { $0.match.exceptIntegers.integers = [1] }, .matchExceptInteger([1])),
            (
                Self.field {
                    $0.range.gte = 1
                    $0.range.lt = 2
                }, .range(NumericRange(lessThan: 2, greaterOrEqual: 1))
            ),
            (
                Self.field {
                    $0.datetimeRange.gt = .init(seconds: 1, nanos: 2999)
                    $0.datetimeRange.lte = .init(seconds: -1, nanos: 0)
                },
                .datetimeRange(
                    DatetimeRange(
                        greaterThan: Timestamp(microseconds: 1_000_002),
                        lessOrEqual: Timestamp(microseconds: -1_000_000)))
            ),
            (
                Self.field {
                    $0.geoRadius.center = ring[1]
                    $0.geoRadius.radius = 10.5
                }, .geoRadius(center: corners[1], metres: 10.5)
            ),
            (
                Self.field {
                    $0.geoBoundingBox.topLeft = ring[2]
                    $0.geoBoundingBox.bottomRight = ring[0]
                }, .geoBoundingBox(topLeft: corners[2], bottomRight: corners[0])
            ),
            (
                Self.field {
                    $0.geoPolygon.exterior = line
                    $0.geoPolygon.interiors = [line]
                }, .geoPolygon(exterior: corners, interiors: [corners])
            ),
            (
                Self.field { $0.valuesCount.gt = .max },
                .valuesCount(NumericRange(greaterThan: Double(UInt64.max)))
            ),
        ]
        for (message, predicate) in cases {
            #expect(try Condition(message) == .field(path, predicate))
        }
    }

    @Test func everyConditionIsRead() throws {
        let path = PayloadPath(key: "a")
        let leaf = Qdrant_Condition.with { $0.hasVector_p.hasVector_p = "v" }
        let cases: [(Qdrant_Condition, Condition)] = [
            (.with { $0.isEmpty.key = "a" }, .isEmpty(path)),
            (.with { $0.isNull.key = "a" }, .isNull(path)),
            (.with { $0.hasID_p.hasID_p = [Qdrant_PointId(1), Qdrant_PointId(1)] }, .hasID([1])),
            (leaf, .hasVector("v")),
            (
                .with {
                    $0.slice.total = 4
                    $0.slice.index = 3
                }, .slice(total: 4, index: 3)
            ),
            (
                .with {
                    $0.nested.key = "a"
                    $0.nested.filter.must = [leaf]
                }, .nested(path, Filter(must: [.hasVector("v")]))
            ),
            (
                .with {
                    $0.filter.should = [leaf]
                    $0.filter.mustNot = [leaf, leaf]
                    $0.filter.minShould.conditions = [leaf]
                    $0.filter.minShould.minCount = 1
                },
                .filter(
                    Filter(
                        should: [.hasVector("v")], mustNot: [.hasVector("v"), .hasVector("v")],
                        minShould: Filter.MinShould(conditions: [.hasVector("v")], count: 1)))
            ),
        ]
        for (message, condition) in cases { #expect(try Condition(message) == condition) }
    }

    @Test func severalTestsInOneFieldConditionHoldIfAnyDoes() throws {
        let path = try #require(PayloadPath("a.b[]"))
        let message = Self.field {
            $0.match.integer = 1
            $0.isNull = true
            $0.isEmpty = false
        }
        #expect(
            try Condition(message)
                == .filter(
                    Filter(should: [
                        .field(path, .matchInteger(1)),
                        .filter(Filter(mustNot: [.isEmpty(path)])), .isNull(path),
                    ])))
    }

    @Test func conditionsThatMakeNoSenseAreRefused() {
        let point = Qdrant_GeoPoint.with { $0.lat = 91 }
        let open = Qdrant_GeoLineString.with {
            $0.points = (0..<4).map { step in .with { $0.lon = Double(step) } }
        }
        let messages: [Qdrant_Condition] = [
            Qdrant_Condition(),
            Self.field { _ in },
            Self.field { $0.match = Qdrant_Match() },
            Self.field { $0.geoRadius.center = point },
            Self.field { $0.geoRadius.center.lon = .nan },
            Self.field { $0.geoPolygon.exterior = open },
            Self.field { $0.geoPolygon = Qdrant_GeoPolygon() },
            Self.field { $0.datetimeRange.gt = .init(seconds: .max, nanos: 0) },
            Self.field { $0.datetimeRange.gt = .init(seconds: 0, nanos: -1) },
            .with { $0.isEmpty.key = "a..b" },
            .with { $0.nested.key = "a" },
            .with { $0.slice = Qdrant_SliceCondition() },
            .with { $0.hasID_p.hasID_p = [Qdrant_PointId()] },
        ]
        for message in messages {
            #expect { try Condition(message) } throws: {
                ($0 as? DatabaseError)?.kind == .invalidArgument
            }
        }
    }

    /// A deeply nested filter must end in an error of the decoder, not in an exhausted stack.
    @Test func filtersNestedTooDeepAreRefusedWhenDecoded() {
        // One level is a filter (field 4 of the condition) in a `must` (field 2 of the filter).
        var bytes: [UInt8] = []
        for _ in 0..<2000 {
            for tag in [UInt8(0x22), 0x12] {
                var length = bytes.count
                var prefix = [tag]
                while length >= 0x80 {
                    prefix.append(UInt8(length & 0x7f) | 0x80)
                    length >>= 7
                }
                bytes = prefix + [UInt8(length)] + bytes
            }
        }
        #expect(throws: BinaryDecodingError.self) { try Qdrant_Filter(serializedBytes: bytes) }
    }
}
