import Apus
import TestSupport

/// The part of the golden database with indexes beside graphs of 8-bit codes: `lists` has an IVF-PQ
/// index, `bits4` and `bits1` have RaBitQ codes, and `bits4` a payload index of every type. Each is
/// one sealed segment of so many rows that recall was measured.
enum GoldenIndexes {
    static let names = ["lists", "bits4", "bits1"]
    private static let rowCount = 1000
    private static let dimension = 8

    static func make(_ database: Database, _ generator: inout SeededGenerator) throws {
        for name in names {
            var configuration = CollectionConfiguration(
                dimension: dimension, metric: name == "bits1" ? .cosine : .euclid,
                hnsw: HNSWConfiguration(m: 4, efConstruct: 16, fullScanThreshold: 0))
            switch name {
            case "lists": configuration.vectors[""]?.ivf = IVFConfiguration(lists: 16, parts: 4)
            case "bits4": configuration.quantization = .turbo(alwaysRAM: nil, bits: "bits4")
            default:
                configuration.quantization = .binary(
                    alwaysRAM: nil, encoding: "one_bit", queryEncoding: nil)
            }
            let collection = try database.createCollection(name, configuration)
            if name == "bits4" {
                for (field, type) in fields {
                    try collection.createPayloadIndex(
                        PayloadPath(key: field), PayloadFieldSchema(type: type))
                }
            }
            try collection.upsert(
                (0..<rowCount).map { number in
                    Point(
                        id: .number(UInt64(number)),
                        vector: (0..<dimension).map { _ in
                            Float(Int.random(in: -64...64, using: &generator)) / 32 + 0.01
                        }, payload: name == "bits4" ? payload(number) : [:])
                })
            try collection.seal()
        }
    }

    private static let fields: [(String, PayloadFieldType)] = [
        ("keyword", .keyword), ("integer", .integer), ("float", .float), ("bool", .bool),
        ("datetime", .datetime), ("uuid", .uuid), ("geo", .geo), ("text", .text),
    ]

    private static func payload(_ number: Int) -> Payload {
        [
            "keyword": .array([.string("k\(number % 10)"), .string("k\(number % 7)")]),
            "integer": .integer(Int64(number % 50)),
            "float": number % 5 == 0 ? .null : .double(Double(number) / 8),
            "bool": .bool(number % 3 == 0),
            "datetime": .string("2020-01-01T00:\(String(number % 60 + 100).suffix(2)):00Z"),
            "uuid": .string("00000000-0000-4000-8000-00000000\(number % 20 + 1000)"),
            "geo": .object([
                "lat": .double(Double(number % 60)), "lon": .double(Double(number % 90)),
            ]),
            "text": .string("word\(number % 9) and word\(number % 11)"),
        ]
    }

    /// The searches of one of the collections.
    static func queries(_ collection: String) -> [String: QueryRequest] {
        var exact = QueryRequest(
            nearest: (0..<dimension).map { 0.7 - Float($0) / 9 }, limit: 12)
        exact.parameters.exact = true
        var approximate = exact
        approximate.parameters =
            collection == "lists" ? SearchParameters(probes: 12) : SearchParameters(ef: 400)
        var queries = ["exact": exact, "approximate": approximate]
        guard collection == "bits4" else { return queries }
        for (field, predicate) in predicates {
            var filtered = exact
            filtered.filter = Filter(must: [.field(PayloadPath(key: field), predicate)])
            queries[field] = filtered
        }
        return queries
    }

    private static var predicates: [(String, FieldPredicate)] {
        let start = Timestamp(rfc3339: "2020-01-01T00:30:00Z")
        return [
            ("keyword", .matchKeyword("k3")), ("integer", .matchAnyInteger([4, 40])),
            ("float", .range(NumericRange(greaterThan: 20, lessOrEqual: 40))),
            ("bool", .matchBool(true)),
            ("datetime", .datetimeRange(DatetimeRange(greaterOrEqual: start))),
            ("uuid", .matchKeyword("00000000-0000-4000-8000-000000001007")),
            (
                "geo",
                .geoRadius(center: GeoPoint(longitude: 30, latitude: 20), metres: 1_500_000)
            ),
            ("text", .matchText("word3 word5")),
        ]
    }
}
