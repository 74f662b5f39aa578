package import ApusCore

/// The engine's interface without an engine: it lets both protocols be compiled before the module
/// `Apus` holds these types, and goes when it does.
package final class Database: Sendable {
    package static func open(
        at path: String, configuration: EngineConfiguration = EngineConfiguration()
    ) throws -> Database { Database(path: path) }
    private init(path: String) { self.path = path }

    package func close() throws {}
    package let path: String
    package func collectionNames() -> [String] { [] }
    package func collection(_ name: String) throws -> Collection {
        throw DatabaseError.collectionNotFound(name)
    }
    package func hasCollection(_ name: String) -> Bool { false }
    @discardableResult
    package func createCollection(
        _ name: String, _ configuration: CollectionConfiguration
    ) throws -> Collection { throw missing }
    package func dropCollection(_ name: String) throws -> Bool { false }
    package func aliases() -> [(alias: String, collection: String)] { [] }
    package func changeAliases(_ changes: [AliasChange]) throws { throw missing }
    package func perform<T: Sendable>(
        _ work: @escaping @Sendable () throws -> T
    ) async throws -> T { try work() }
}

private let missing = DatabaseError(.unimplemented, "the engine is not there yet")

package struct EngineConfiguration: Sendable {
    package init() {}
    package var searchThreads = 2
    package var indexThreads = 2
}

package final class Collection: Sendable {
    package let name = ""
    package var configuration: CollectionConfiguration { CollectionConfiguration() }
    package func update(_ change: CollectionConfigurationChange) throws { throw missing }
    package func info() -> CollectionInfo { CollectionInfo() }
    package func write(
        _ operations: [WriteOperation], acknowledgement: Acknowledgement = .completed
    ) async throws -> [WriteResult] { throw missing }
    package func createPayloadIndex(
        _ field: PayloadPath, _ schema: PayloadFieldSchema
    ) throws -> WriteResult { throw missing }
    package func dropPayloadIndex(_ field: PayloadPath) throws -> WriteResult { throw missing }
    package func query(_ request: QueryRequest) async throws -> [ScoredPoint] { throw missing }
    package func query(_ requests: [QueryRequest]) async throws -> [[ScoredPoint]] { throw missing }
    package func groups(_ request: GroupsRequest) async throws -> [PointGroup] { throw missing }
    package func retrieve(
        _ ids: [PointID], withPayload: PayloadSelector = .all, withVectors: VectorSelector = .none
    ) async throws -> [Record] { throw missing }
    package func scroll(_ request: ScrollRequest) async throws -> ScrollPage { throw missing }
    package func count(_ filter: Filter? = nil) async throws -> Int { throw missing }
}

package struct CollectionInfo: Sendable {
    package enum Status: Sendable { case green, yellow, red }
    package var status = Status.green
    package var optimizerError: String?
    package var pointsCount = 0
    package var indexedVectorsCount = 0
    package var segmentsCount = 0
    package var configuration = CollectionConfiguration()
    package var payloadSchema: [(field: PayloadPath, schema: PayloadFieldSchema, points: Int)] = []
    package var bytesOnDisk = 0
}

package enum AliasChange: Sendable {
    case create(alias: String, collection: String)
    case delete(alias: String)
    case rename(from: String, to: String)
}
