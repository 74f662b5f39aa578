import Apus
import Foundation

/// Everything that a reader can see of a database, in a form that JSON keeps exactly: floats of 32
/// bits are written as doubles, and doubles of payloads as text, because `1.0` and `1` differ.
struct GoldenContent: Codable, Equatable {
    struct StoredPoint: Codable, Equatable {
        var id: String
        var payload: [String: JSONValue]
        var vectors: [String: [[Double]]]
    }

    struct Hit: Codable, Equatable {
        var id: String
        var score: Double
        var version: UInt64
    }

    struct Collection: Codable, Equatable {
        var configuration: CollectionConfiguration
        var payloadIndexes: [String: String]
        var sequenceNumber: UInt64
        /// In order of their ids.
        var points: [StoredPoint]
        var queries: [String: [Hit]]
    }

    var aliases: [String: String]
    var collections: [String: Collection]

    init(_ database: Database) throws {
        aliases = Dictionary(
            uniqueKeysWithValues: database.aliases().map { ($0.alias, $0.collection) })
        collections = [:]
        for name in database.collectionNames() {
            collections[name] = try Self.collection(database.collection(name))
        }
    }

    init(contentsOf path: String) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: URL(filePath: path)))
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(self).write(to: URL(filePath: path))
    }

    private static func collection(_ collection: Apus.Collection) throws -> Collection {
        let info = collection.info()
        let page = try collection.scroll(ScrollRequest(limit: 1000, withVectors: .all))
        let queries = try GoldenDatabase.queries(collection.name).mapValues { request in
            try collection.query(request).map {
                Hit(id: $0.id.description, score: Double($0.score), version: $0.version.rawValue)
            }
        }
        return Collection(
            configuration: info.configuration,
            payloadIndexes: Dictionary(
                uniqueKeysWithValues: info.payloadSchema.map {
                    ($0.field.description, $0.schema.type.rawValue)
                }),
            sequenceNumber: info.sequenceNumber.rawValue,
            points: page.points.map { record in
                StoredPoint(
                    id: record.id.description,
                    payload: (record.payload ?? [:]).mapValues(Self.portable),
                    vectors: (record.vectors ?? [:]).mapValues(Self.numbers))
            },
            queries: queries)
    }

    private static func portable(_ value: JSONValue) -> JSONValue {
        switch value {
        case .double(let number): .string("double \(number)")
        case .array(let values): .array(values.map(portable))
        case .object(let members): .object(members.mapValues(portable))
        case .null, .bool, .integer, .string: value
        }
    }

    /// The vector's floats: of a dense one as one row, of a sparse one its indices and its values.
    private static func numbers(_ vector: Vector) -> [[Double]] {
        switch vector {
        case .dense(let floats): [floats.map(Double.init)]
        case .sparse(let sparse): [sparse.indices.map(Double.init), sparse.values.map(Double.init)]
        case .multi(let parts): parts.map { $0.map(Double.init) }
        }
    }

    /// Sums are added up in another order by other instruction sets; all else is exact.
    func isEqual(to other: GoldenContent, scoreTolerance: Double) -> Bool {
        var (left, right) = (self, other)
        for (name, collection) in collections {
            for (query, hits) in collection.queries {
                guard let others = other.collections[name]?.queries[query],
                    others.count == hits.count,
                    zip(hits, others).allSatisfy({
                        abs($0.score - $1.score) <= scoreTolerance * max(1, abs($0.score))
                    })
                else { return false }
                for index in hits.indices {
                    left.collections[name]?.queries[query]?[index].score = 0
                    right.collections[name]?.queries[query]?[index].score = 0
                }
            }
        }
        return left == right
    }
}
