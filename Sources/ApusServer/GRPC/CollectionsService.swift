import Apus
import ApusCore
import ApusProto
import ApusWire
import GRPCCore

/// Collections and their aliases.
struct CollectionsService: Qdrant_Collections.SimpleServiceProtocol {
    let operations: Operations

    func get(
        request: Qdrant_GetCollectionInfoRequest, context: ServerContext
    ) async throws -> Qdrant_GetCollectionInfoResponse {
        let timer = CallTimer()
        let info = try await operations.collectionInfo(request.collectionName)
        return .with {
            $0.result = Qdrant_CollectionInfo(info)
            $0.time = timer.seconds
        }
    }

    func list(
        request: Qdrant_ListCollectionsRequest, context: ServerContext
    ) async throws -> Qdrant_ListCollectionsResponse {
        let timer = CallTimer()
        let names = operations.collectionNames()
        return .with {
            $0.collections = names.map { name in .with { $0.name = name } }
            $0.time = timer.seconds
        }
    }

    func collectionExists(
        request: Qdrant_CollectionExistsRequest, context: ServerContext
    ) async throws -> Qdrant_CollectionExistsResponse {
        let timer = CallTimer()
        return .with {
            $0.result.exists = operations.collectionExists(request.collectionName)
            $0.time = timer.seconds
        }
    }

    func create(
        request: Qdrant_CreateCollection, context: ServerContext
    ) async throws -> Qdrant_CollectionOperationResponse {
        let timer = CallTimer()
        try await operations.createCollection(
            request.collectionName, CollectionConfiguration(request))
        return .done(true, timer)
    }

    func update(
        request: Qdrant_UpdateCollection, context: ServerContext
    ) async throws -> Qdrant_CollectionOperationResponse {
        let timer = CallTimer()
        try await operations.updateCollection(
            request.collectionName, CollectionConfigurationChange(request))
        return .done(true, timer)
    }

    func delete(
        request: Qdrant_DeleteCollection, context: ServerContext
    ) async throws -> Qdrant_CollectionOperationResponse {
        let timer = CallTimer()
        return .done(try await operations.deleteCollection(request.collectionName), timer)
    }

    func updateAliases(
        request: Qdrant_ChangeAliases, context: ServerContext
    ) async throws -> Qdrant_CollectionOperationResponse {
        let timer = CallTimer()
        try await operations.changeAliases(try request.actions.map { try AliasChange($0) })
        return .done(true, timer)
    }

    func listAliases(
        request: Qdrant_ListAliasesRequest, context: ServerContext
    ) async throws -> Qdrant_ListAliasesResponse {
        let timer = CallTimer()
        return .list(operations.aliases(), timer)
    }

    func listCollectionAliases(
        request: Qdrant_ListCollectionAliasesRequest, context: ServerContext
    ) async throws -> Qdrant_ListAliasesResponse {
        let timer = CallTimer()
        return .list(try operations.aliases(of: request.collectionName), timer)
    }
}

/// A server alone holds each collection as one shard.
extension CollectionsService {
    func collectionClusterInfo(
        request: Qdrant_CollectionClusterInfoRequest, context: ServerContext
    ) async throws -> Qdrant_CollectionClusterInfoResponse {
        let timer = CallTimer()
        let info = try await operations.collectionInfo(request.collectionName)
        return .with {
            $0.shardCount = 1
            $0.localShards = [
                .with {
                    $0.pointsCount = UInt64(count: info.pointsCount)
                    $0.state = .active
                }
            ]
            $0.time = timer.seconds
        }
    }

    func listShardKeys(
        request: Qdrant_ListShardKeysRequest, context: ServerContext
    ) async throws -> Qdrant_ListShardKeysResponse {
        let timer = CallTimer()
        _ = try await operations.collectionInfo(request.collectionName)
        return .with { $0.time = timer.seconds }
    }

    func updateCollectionClusterSetup(
        request: Qdrant_UpdateCollectionClusterSetupRequest, context: ServerContext
    ) async throws -> Qdrant_UpdateCollectionClusterSetupResponse {
        throw DatabaseError.needsCluster("Collections/UpdateCollectionClusterSetup")
    }

    func createShardKey(
        request: Qdrant_CreateShardKeyRequest, context: ServerContext
    ) async throws -> Qdrant_CreateShardKeyResponse {
        throw DatabaseError.needsCluster("Collections/CreateShardKey")
    }

    func deleteShardKey(
        request: Qdrant_DeleteShardKeyRequest, context: ServerContext
    ) async throws -> Qdrant_DeleteShardKeyResponse {
        throw DatabaseError.needsCluster("Collections/DeleteShardKey")
    }
}

extension Qdrant_CollectionOperationResponse {
    fileprivate static func done(_ result: Bool, _ timer: CallTimer) -> Self {
        .with {
            $0.result = result
            $0.time = timer.seconds
        }
    }
}

extension Qdrant_ListAliasesResponse {
    fileprivate static func list(
        _ aliases: [(alias: String, collection: String)], _ timer: CallTimer
    ) -> Self {
        .with {
            $0.aliases = aliases.map { pair in
                .with {
                    $0.aliasName = pair.alias
                    $0.collectionName = pair.collection
                }
            }
            $0.time = timer.seconds
        }
    }
}

extension AliasChange {
    fileprivate init(_ message: Qdrant_AliasOperations) throws(DatabaseError) {
        switch message.action {
        case .createAlias(let action):
            self = .create(alias: action.aliasName, collection: action.collectionName)
        case .renameAlias(let action):
            self = .rename(from: action.oldAliasName, to: action.newAliasName)
        case .deleteAlias(let action):
            self = .delete(alias: action.aliasName)
        case nil: throw .wrongInput("A change of aliases says nothing")
        }
    }
}

extension Qdrant_CollectionInfo {
    fileprivate init(_ info: CollectionInfo) {
        self.init()
        status =
            switch info.status {
            case .green: .green
            case .yellow: .yellow
            case .red: .red
            }
        optimizerStatus.ok = info.failure == nil
        optimizerStatus.error = info.failure ?? ""
        pointsCount = UInt64(count: info.pointsCount)
        indexedVectorsCount = UInt64(count: info.indexedVectorsCount)
        segmentsCount = UInt64(count: info.segmentsCount)
        config = Qdrant_CollectionConfig(info.configuration)
        for field in info.payloadSchema {
            payloadSchema[field.field.description] = Qdrant_PayloadSchemaInfo(
                field.schema, points: field.points)
        }
        updateQueue = Qdrant_UpdateQueueInfo()
    }
}
