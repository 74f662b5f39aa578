import Apus
import TestSupport
import Testing

/// Facets answered from payload indexes are those that reading every payload gives, wherever the
/// rows lie.
@Suite("Facets") struct FacetTests {
    private static let keys = ["kind", "count", "flag", "word", "id", "free"]

    /// Points with payloads as they are now; `kind`, `count` and `flag` have values of one type.
    private struct Content {
        var payloads: [UInt64: Payload] = [:]
        var random = SeededGenerator(seed: 11)

        mutating func write(_ ids: Range<UInt64>, to collection: Collection) throws {
            var points: [Point] = []
            for id in ids {
                var payload = RandomFilters.payload(&random)
                payload["kind"] = [.null, "a", ["b", "b", "c"], [], "d"].randomElement(
                    using: &random)
                payload["count"] = .integer(Int64.random(in: -3...3, using: &random))
                payload["flag"] = .bool(Bool.random(using: &random))
                payloads[id] = payload
                points.append(Point(id: .number(id), vector: [Float(id)], payload: payload))
            }
            try collection.upsert(points)
        }

        func expected(_ key: PayloadPath, _ filter: Filter?, limit: Int) -> [FacetHit] {
            var counts: [FacetValue: Int] = [:]
            for (id, payload) in payloads
            where filter?.matches(id: .number(id), payload: payload)
                ?? true
            {
                let values = payload.flattenedValues(at: key).compactMap { value -> FacetValue? in
                    switch value {
                    case .string(let text):
                        key == PayloadPath(key: "id")
                            ? .string(UUIDBytes(text).map { "\($0)" } ?? text) : .string(text)
                    case .integer(let number): .integer(number)
                    case .bool(let flag): .bool(flag)
                    case .null, .double, .array, .object: nil
                    }
                }
                for value in Set(values) { counts[value, default: 0] += 1 }
            }
            let hits = counts.map { FacetHit(value: $0.key, count: $0.value) }.sorted {
                $0.count == $1.count ? $0.value < $1.value : $0.count > $1.count
            }
            return Array(hits.prefix(limit))
        }

        func expectSameAnswers(_ collection: Collection) throws {
            let filters: [Filter?] = [
                nil, Filter(),
                Filter(must: [.field(PayloadPath(key: "count"), .range(NumericRange(lessThan: 0)))]
                ),
                Filter(must: [.hasID([1, 5, 2_500])]),
            ]
            for key in FacetTests.keys.map(PayloadPath.init(key:)) {
                for filter in filters {
                    for limit in [2, 1_000] {
                        let found = try collection.facets(
                            FacetRequest(key: key, filter: filter, limit: limit))
                        #expect(
                            found == expected(key, filter, limit: limit),
                            "\(key) \(String(describing: filter))")
                    }
                }
            }
        }
    }

    @Test("Without indexes, with indexes in memory and in files, after deletions and a merge")
    func everywhere() throws {
        let disk = SimulatedFileSystem(seed: 1)
        var configuration = EngineConfiguration()
        configuration.mergesInBackground = false
        let database = try Database.open(
            at: "/db", configuration: configuration, fileSystem: disk)
        let collection = try database.createCollection(
            "c", CollectionConfiguration(dimension: 1, metric: .euclid))
        var content = Content()
        try content.write(0..<3_000, to: collection)
        try content.expectSameAnswers(collection)
        let types: [String: PayloadFieldType] = [
            "kind": .keyword, "count": .integer, "flag": .bool, "word": .keyword, "id": .uuid,
        ]
        for (key, type) in types {
            try collection.createPayloadIndex(
                PayloadPath(key: key), PayloadFieldSchema(type: type))
        }
        try collection.waitUntilIndexed()
        try content.expectSameAnswers(collection)
        try collection.seal()
        try content.expectSameAnswers(collection)
        try content.write(2_900..<3_500, to: collection)
        for id in [7, 8, 3_100] as [UInt64] { content.payloads[id] = nil }
        try collection.delete(.ids([7, 8, 3_100]))
        try content.expectSameAnswers(collection)
        try collection.seal()
        try collection.compact()
        try content.expectSameAnswers(collection)
        try database.close()
    }

    @Test("A reader at an older version counts what it sees")
    func olderVersion() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let database = try Database.open(
            at: "/db", configuration: EngineConfiguration(), fileSystem: disk)
        let collection = try database.createCollection(
            "c", CollectionConfiguration(dimension: 1, metric: .euclid))
        let key = PayloadPath(key: "k")
        try collection.createPayloadIndex(key, PayloadFieldSchema(type: .keyword))
        try collection.upsert([Point(id: 1, vector: [1], payload: ["k": "old"])])
        let version = collection.pinVersion()
        try collection.upsert([Point(id: 1, vector: [1], payload: ["k": "new"])])
        let request = FacetRequest(key: key)
        #expect(
            try collection.facets(request, at: version)
                == [FacetHit(value: .string("old"), count: 1)])
        #expect(try collection.facets(request) == [FacetHit(value: .string("new"), count: 1)])
        try database.close()
    }
}
