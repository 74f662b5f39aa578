import ApusCore
import ApusProto
import ApusWire
import SwiftProtobuf
import TestSupport
import Testing

/// Bytes that no honest client sends must end in an error or in a value, never in a trap.
@Suite struct ProtobufHostileTests {
    private static let seed: UInt64 = 20_261_123

    @Test func damagedSearchesNeverTrap() throws {
        let query = Qdrant_QueryPoints.with {
            $0.collectionName = "c"
            $0.query.recommend.positive = [
                .with { $0.id.uuid = "x" }, .with { $0.dense.data = [1] },
            ]
            $0.prefetch = [.with { $0.query.orderBy.key = "a.b" }]
            $0.filter.must = [
                .with {
                    $0.field.key = "a[].b"
                    $0.field.datetimeRange.gte = .init(seconds: 5, nanos: 6)
                    $0.field.geoPolygon.exterior.points = [Qdrant_GeoPoint()]
                }
            ]
            $0.limit = 10
        }
        try damage(query) { _ = try? QueryRequest($0) }
    }

    @Test func damagedWritesNeverTrap() throws {
        let upsert = Qdrant_UpsertPoints.with {
            $0.points = [
                .with {
                    $0.id = Qdrant_PointId(7)
                    $0.vectors.vectors.vectors = [
                        "a": .with {
                            $0.data = [1, 2, 3, 4]
                            $0.vectorsCount = 2
                        }
                    ]
                    $0.payload = ["k": Qdrant_Value(["x": [1, 2.5, "text", nil]])]
                }
            ]
        }
        try damage(upsert) { _ = try? WriteOperation($0) }
    }

    @Test func damagedCollectionsNeverTrap() throws {
        let create = Qdrant_CreateCollection.with {
            $0.vectorsConfig.paramsMap.map = [
                "a": .with {
                    $0.size = 4
                    $0.distance = .dot
                    $0.quantizationConfig.scalar.type = .int8
                }
            ]
            $0.sparseVectorsConfig.map = ["s": .with { $0.modifier = .idf }]
            $0.strictModeConfig.searchMaxOversampling = 2
            $0.optimizersConfig.maxOptimizationThreads.value = 3
        }
        try damage(create) {
            guard let configuration = try? CollectionConfiguration($0) else { return }
            _ = Qdrant_CollectionConfig(configuration)
        }
    }

    /// Calls `convert` with every message that still decodes after a few bytes were replaced.
    private func damage<Request: Message>(
        _ message: Request, _ convert: (Request) -> Void
    ) throws {
        let bytes: [UInt8] = try message.serializedBytes()
        var random = SeededGenerator(seed: Self.seed)
        var decoded = 0
        for _ in 0..<20_000 {
            var copy = bytes
            for _ in 0..<(1 + random.next() % 4) {
                copy[Int(random.next() % UInt64(copy.count))] = UInt8(
                    truncatingIfNeeded: random.next())
            }
            guard let message = try? Request(serializedBytes: copy) else { continue }
            decoded += 1
            convert(message)
        }
        #expect(decoded > 100, "seed \(Self.seed)")
    }
}
