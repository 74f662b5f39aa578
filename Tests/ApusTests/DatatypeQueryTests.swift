import Apus
import Foundation
import TestSupport
import Testing

/// What is taken into fields of halves and bytes, and what queries of all kinds make of them.
@Suite("Datatypes in writes and queries") struct DatatypeQueryTests {
    private static func collection(
        _ datatype: VectorDatatype, _ metric: Metric, isMultiVector: Bool = false
    ) throws -> (Database, Collection) {
        let database = try DatatypeTests.open(SimulatedFileSystem(seed: 1))
        let configuration = CollectionConfiguration(
            vectors: [
                "": DenseVectorConfiguration(
                    dimension: 3, metric: metric, datatype: datatype,
                    isMultiVector: isMultiVector)
            ])
        return (database, try database.createCollection("c", configuration))
    }

    private static func stored(_ collection: Collection, _ id: PointID) throws -> Vector? {
        try collection.retrieve([id], withVectors: .all).first?.vectors?[""]
    }

    /// Datatype, metric, vector, and what it is refused for; nil: it is stored as what follows.
    private static let cases: [(VectorDatatype, Metric, [Float], String?, [Float])] = [
        (.float16, .dot, [0.1, 65504, -2049], nil, [0.099975586, 65504, -2048]),
        (.float16, .dot, [0, 65519, 0], nil, [0, 65504, 0]),
        (.float16, .dot, [0, 0, 65520], "65520.0 at position 2", []),
        (.float16, .euclid, [-1e6, 0, 0], "-1000000.0 at position 0", []),
        // Of these only the direction is kept.
        (.float16, .cosine, [3e6, 4e6, 0], nil, [0.60009766, 0.7998047, 0]),
        (.float16, .cosine, [0, 0, 0], "no direction", []),
        (.float16, .dot, [.nan, 0, 0], "nan at position 0", []),
        (.uint8, .dot, [0, 255, 7], nil, [0, 255, 7]),
        (.uint8, .dot, [0, 254.9, 7.5], nil, [0, 254, 7]),
        (.uint8, .cosine, [30, 40, 0], nil, [30, 40, 0]),
        (.uint8, .dot, [0, 0, 0], nil, [0, 0, 0]),
        (.uint8, .dot, [0, 256, 7], "256.0 at position 1", []),
        (.uint8, .euclid, [0, 3, -1], "-1.0 at position 2", []),
        (.uint8, .manhattan, [0.5, 0.25, 0], "only fractions", []),
        (.uint8, .cosine, [0, 0, 0], "no direction", []),
        (.uint8, .dot, [.infinity, 0, 0], "inf at position 0", []),
    ]

    @Test("What comes near enough is kept; the rest is refused by point, field and component")
    func writes() throws {
        for (datatype, metric, vector, reason, kept) in Self.cases {
            let (database, collection) = try Self.collection(datatype, metric)
            let name = "\(datatype) \(metric) \(vector)"
            guard let reason else {
                try collection.upsert([Point(id: 1, vector: vector)])
                #expect(try Self.stored(collection, 1) == .dense(kept), "\(name)")
                // What was read is written back as it is.
                try collection.upsert([Point(id: 1, vector: kept)])
                #expect(try Self.stored(collection, 1) == .dense(kept), "\(name)")
                try database.close()
                continue
            }
            let error = #expect(throws: DatabaseError.self) {
                try collection.upsert([
                    Point(id: 7, vector: [1, 2, 3]), Point(id: 8, vector: vector),
                ])
            }
            #expect(error?.kind == .invalidArgument, "\(name)")
            let message = error?.message ?? ""
            #expect(message.contains("point 8") && message.contains(reason), "\(message)")
            #expect(try collection.count() == 0)
            let update = #expect(throws: DatabaseError.self) {
                _ = try collection.write([
                    .updateVectors([PointVectors(id: 8, vectors: ["": .dense(vector)])])
                ])
            }
            #expect(update?.message.contains(reason) == true)
            let query = #expect(throws: DatabaseError.self) {
                _ = try collection.query(QueryRequest(nearest: vector))
            }
            #expect(query?.message.contains(reason) == true)
            try database.close()
        }
    }

    @Test("Updates of vectors are rounded too, and searches by id use what is stored")
    func updates() throws {
        let (database, collection) = try Self.collection(.uint8, .dot)
        try collection.upsert([
            Point(id: 1, vector: [1, 2, 3]), Point(id: 2, vector: [200, 0, 9]),
        ])
        _ = try collection.write([
            .updateVectors([PointVectors(id: 1, vectors: ["": .dense([10.7, 20.2, 30])])])
        ])
        #expect(try Self.stored(collection, 1) == .dense([10, 20, 30]))
        let found = try collection.query(QueryRequest(query: .nearest(.id(1)), limit: 5))
        #expect(found.map(\.score) == [2000 + 270])
        #expect(found.map(\.id) == [2])
        try database.close()
    }

    @Test("Averages of examples become the nearest bytes, though they lie outside of them")
    func averages() throws {
        let (database, collection) = try Self.collection(.uint8, .dot)
        try collection.upsert([
            Point(id: 1, vector: [200, 10, 3]), Point(id: 2, vector: [5, 250, 4]),
            Point(id: 3, vector: [1, 2, 100]),
        ])
        // 2 (200, 10, 3) − (5, 250, 4) = (395, −230, 2), of which (255, 0, 2) is left.
        let found = try collection.query(
            QueryRequest(
                query: .recommend(positive: [.id(1)], negative: [.id(2)], .averageVector),
                limit: 5))
        #expect(found.map(\.id) == [3])
        #expect(found.map(\.score) == [255 + 200])
        // The mean of two, cut to whole numbers: (102, 130, 3).
        let mean = try collection.query(
            QueryRequest(
                query: .recommend(positive: [.id(1), .id(2)], negative: [], .averageVector),
                limit: 5))
        #expect(mean.map(\.score) == [102 + 260 + 300])
        let best = try collection.query(
            QueryRequest(
                query: .recommend(positive: [.id(1)], negative: [], .bestScore), limit: 5))
        #expect(best.map(\.id) == [2, 3])
        try database.close()
    }

    @Test("Every row of a multi-vector is kept so, and MaxSim compares what is kept")
    func multiVectors() throws {
        let (database, collection) = try Self.collection(.uint8, .cosine, isMultiVector: true)
        try collection.upsert([
            Point(id: 1, vectors: ["": .multi([[30.5, 40, 0], [0, 0, 9]])]),
            Point(id: 2, vectors: ["": .multi([[1, 1, 1]])]),
        ])
        #expect(try Self.stored(collection, 1) == .multi([[30, 40, 0], [0, 0, 9]]))
        let query = Query.nearest(.vector(.multi([[3, 4, 0], [0, 0, 1]])))
        for _ in 0..<2 {
            let found = try collection.query(QueryRequest(query: query, limit: 5))
            #expect(found.map(\.id) == [1, 2])
            // 1 + 1, and 7 / (5 √3) + 1 / √3.
            for (score, expected) in zip(found.map(\.score), [2, 12 / 5 / Float(3).squareRoot()]) {
                #expect(abs(score - expected) < 1e-6)
            }
            try collection.seal()
        }
        let error = #expect(throws: DatabaseError.self) {
            try collection.upsert([
                Point(id: 3, vectors: ["": .multi([[1, 2, 3], [1, 999, 3]])])
            ])
        }
        #expect(error?.message.contains("999.0 at position 1") == true)
        try database.close()
        let (other, halves) = try Self.collection(.float16, .dot, isMultiVector: true)
        try halves.upsert([Point(id: 1, vectors: ["": .multi([[0.1, 0, 1], [2, 3, 4]])])])
        #expect(try Self.stored(halves, 1) == .multi([[0.099975586, 0, 1], [2, 3, 4]]))
        try other.close()
    }

    @Test("A collection from before stays one of floats, whatever datatype it tells")
    func olderConfiguration() throws {
        var configuration = CollectionConfiguration(dimension: 3, metric: .dot)
        configuration.vectors[""]?.datatype = .uint8
        let bytes = try JSONEncoder().encode(configuration)
        let text = String(decoding: bytes, as: UTF8.self)
        let older = text.replacing(",\"storedAs\":\"uint8\"", with: "")
            .replacing("\"storedAs\":\"uint8\",", with: "")
        #expect(older != text)
        let read = try JSONDecoder().decode(CollectionConfiguration.self, from: Data(older.utf8))
        #expect(read.vectors[""]?.datatype == .uint8)
        #expect(
            try JSONDecoder().decode(CollectionConfiguration.self, from: bytes) == configuration)
        let database = try DatatypeTests.open(SimulatedFileSystem(seed: 1))
        let collection = try database.createCollection("c", read)
        try collection.upsert([Point(id: 1, vector: [0.25, -1, 1000])])
        try collection.seal()
        #expect(try Self.stored(collection, 1) == .dense([0.25, -1, 1000]))
        try database.close()
    }
}
