import Apus
import ApusCore
import ApusProto
import ApusRPC
import ApusWire

/// Collections and their aliases.
struct CollectionsService {
    let operations: Operations

    var methods: [RPCMethod] {
        let service = ServiceMethods(service: "qdrant.Collections")
        return [
            service.unary("Get", get),
            service.unary("List", list),
            service.unary("Create", create),
            service.unary("Update", update),
            service.unary("Delete", delete),
            service.unary("UpdateAliases", updateAliases),
            service.unary("ListCollectionAliases", listCollectionAliases),
            service.unary("ListAliases", listAliases),
            service.unary("CollectionClusterInfo", collectionClusterInfo),
            service.unary("CollectionExists", collectionExists),
            service.unary("UpdateCollectionClusterSetup", updateCollectionClusterSetup),
            service.unary("CreateShardKey", createShardKey),
            service.unary("DeleteShardKey", deleteShardKey),
            service.unary("ListShardKeys", listShardKeys),
        ]
    }

    func get(
        _ request: Qdrant_GetCollectionInfoRequest
    ) async throws -> Qdrant_GetCollectionInfoResponse {
        let timer = CallTimer()
        let info = try await operations.collectionInfo(request.collectionName)
        return .with {
            $0.result = Qdrant_CollectionInfo(info)
            $0.time = timer.seconds
        }
    }

    func list(
        _ request: Qdrant_ListCollectionsRequest
    ) async throws -> Qdrant_ListCollectionsResponse {
        let timer = CallTimer()
        let names = try await operations.collectionNames()
        return .with {
            $0.collections = names.map { name in .with { $0.name = name } }
            $0.time = timer.seconds
        }
    }

    func collectionExists(
        _ request: Qdrant_CollectionExistsRequest
    ) async throws -> Qdrant_CollectionExistsResponse {
        let timer = CallTimer()
        let exists = try await operations.collectionExists(request.collectionName)
        return .with {
            $0.result.exists = exists
            $0.time = timer.seconds
        }
    }

    func create(
        _ request: Qdrant_CreateCollection
    ) async throws -> Qdrant_CollectionOperationResponse {
        let timer = CallTimer()
        try await operations.createCollection(
            request.collectionName,
            NewCollection(configuration: CollectionConfiguration(request)))
        return .done(true, timer)
    }

    func update(
        _ request: Qdrant_UpdateCollection
    ) async throws -> Qdrant_CollectionOperationResponse {
        let timer = CallTimer()
        try await operations.updateCollection(
            request.collectionName, CollectionConfigurationChange(request))
        return .done(true, timer)
    }

    func delete(
        _ request: Qdrant_DeleteCollection
    ) async throws -> Qdrant_CollectionOperationResponse {
        let timer = CallTimer()
        return .done(try await operations.deleteCollection(request.collectionName), timer)
    }

    func updateAliases(
        _ request: Qdrant_ChangeAliases
    ) async throws -> Qdrant_CollectionOperationResponse {
        let timer = CallTimer()
        try await operations.changeAliases(try request.actions.map { try AliasChange($0) })
        return .done(true, timer)
    }

    func listAliases(
        _ request: Qdrant_ListAliasesRequest
    ) async throws -> Qdrant_ListAliasesResponse {
        let timer = CallTimer()
        return .list(try await operations.aliases(), timer)
    }

    func listCollectionAliases(
        _ request: Qdrant_ListCollectionAliasesRequest
    ) async throws -> Qdrant_ListAliasesResponse {
        let timer = CallTimer()
        return .list(try await operations.aliases(of: request.collectionName), timer)
    }
}

/// A server alone holds each collection as one shard.
extension CollectionsService {
    func collectionClusterInfo(
        _ request: Qdrant_CollectionClusterInfoRequest
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
        _ request: Qdrant_ListShardKeysRequest
    ) async throws -> Qdrant_ListShardKeysResponse {
        let timer = CallTimer()
        _ = try await operations.collectionInfo(request.collectionName)
        return .with { $0.time = timer.seconds }
    }

    func updateCollectionClusterSetup(
        _ request: Qdrant_UpdateCollectionClusterSetupRequest
    ) async throws -> Qdrant_UpdateCollectionClusterSetupResponse {
        throw DatabaseError.needsCluster("Collections/UpdateCollectionClusterSetup")
    }

    func createShardKey(
        _ request: Qdrant_CreateShardKeyRequest
    ) async throws -> Qdrant_CreateShardKeyResponse {
        throw DatabaseError.needsCluster("Collections/CreateShardKey")
    }

    func deleteShardKey(
        _ request: Qdrant_DeleteShardKeyRequest
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
