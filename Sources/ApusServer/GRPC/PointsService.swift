import Apus
import ApusCore
import ApusProto
import ApusRPC
import ApusWire

/// Points of one collection. This file holds what writes; the extensions hold what reads.
struct PointsService {
    let operations: Operations
    let reads: ImmediateReads

    var methods: [RPCMethod] {
        let service = ServiceMethods(service: "qdrant.Points")
        return [
            service.reading("Upsert", upsert),
            service.reading("Delete", delete),
            service.read("Get", reads, get),
            service.reading("UpdateVectors", updateVectors),
            service.reading("DeleteVectors", deleteVectors),
            service.reading("SetPayload", setPayload),
            service.reading("OverwritePayload", overwritePayload),
            service.reading("DeletePayload", deletePayload),
            service.reading("ClearPayload", clearPayload),
            service.reading("CreateFieldIndex", createFieldIndex),
            service.reading("DeleteFieldIndex", deleteFieldIndex),
            service.reading("CreateVectorName", createVectorName),
            service.reading("DeleteVectorName", deleteVectorName),
            service.read("Search", reads, search),
            service.read("SearchBatch", reads, searchBatch),
            service.read("SearchGroups", reads, searchGroups),
            service.read("Scroll", reads, scroll),
            service.read("Recommend", reads, recommend),
            service.read("RecommendBatch", reads, recommendBatch),
            service.read("RecommendGroups", reads, recommendGroups),
            service.read("Discover", reads, discover),
            service.read("DiscoverBatch", reads, discoverBatch),
            service.read("Count", reads, count),
            service.reading("UpdateBatch", updateBatch),
            service.read("Query", reads, decoding: query),
            service.read("QueryBatch", reads, queryBatch),
            service.read("QueryGroups", reads, queryGroups),
            service.read("Facet", reads, facet),
            service.read("SearchMatrixPairs", reads, searchMatrixPairs),
            service.read("SearchMatrixOffsets", reads, searchMatrixOffsets),
        ]
    }

    func upsert(
        _ request: Qdrant_UpsertPoints
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func delete(
        _ request: Qdrant_DeletePoints
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func updateVectors(
        _ request: Qdrant_UpdatePointVectors
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func deleteVectors(
        _ request: Qdrant_DeletePointVectors
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func setPayload(
        _ request: Qdrant_SetPayloadPoints
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation.setPayload(request)
        }
    }

    func overwritePayload(
        _ request: Qdrant_SetPayloadPoints
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation.overwritePayload(request)
        }
    }

    func deletePayload(
        _ request: Qdrant_DeletePayloadPoints
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func clearPayload(
        _ request: Qdrant_ClearPayloadPoints
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func updateBatch(
        _ request: Qdrant_UpdateBatchPoints
    ) async throws -> Qdrant_UpdateBatchResponse {
        let timer = CallTimer()
        let results = try await operations.write(
            try request.operations.map { try WriteOperation($0) },
            to: request.collectionName, wait: request.wait)
        return .with {
            $0.result = results.map { Qdrant_UpdateResult($0) }
            $0.time = timer.seconds
        }
    }

    func createFieldIndex(
        _ request: Qdrant_CreateFieldIndexCollection
    ) async throws -> Qdrant_PointsOperationResponse {
        let timer = CallTimer()
        let result = try await operations.createPayloadIndex(
            on: PayloadPath(text: request.fieldName, field: "field_name"),
            PayloadFieldSchema(request), in: request.collectionName)
        return .written(result, timer)
    }

    func deleteFieldIndex(
        _ request: Qdrant_DeleteFieldIndexCollection
    ) async throws -> Qdrant_PointsOperationResponse {
        let timer = CallTimer()
        let result = try await operations.dropPayloadIndex(
            on: PayloadPath(text: request.fieldName, field: "field_name"),
            in: request.collectionName)
        return .written(result, timer)
    }

    func createVectorName(
        _ request: Qdrant_CreateVectorNameRequest
    ) async throws -> Qdrant_PointsOperationResponse {
        let timer = CallTimer()
        let result = try await operations.createVectorField(
            VectorField(NewVectorField(request)), named: request.vectorName,
            in: request.collectionName)
        return .written(result, timer)
    }

    func deleteVectorName(
        _ request: Qdrant_DeleteVectorNameRequest
    ) async throws -> Qdrant_PointsOperationResponse {
        let timer = CallTimer()
        let result = try await operations.dropVectorField(
            request.vectorName, in: request.collectionName)
        return .written(result, timer)
    }

    private func write(
        to collection: String, wait: Bool,
        _ operation: () throws(DatabaseError) -> WriteOperation
    ) async throws -> Qdrant_PointsOperationResponse {
        let timer = CallTimer()
        return .written(
            try await operations.write(try operation(), to: collection, wait: wait), timer)
    }
}

extension Qdrant_PointsOperationResponse {
    fileprivate static func written(_ result: WriteResult, _ timer: CallTimer) -> Self {
        .with {
            $0.result = Qdrant_UpdateResult(result)
            $0.time = timer.seconds
        }
    }
}
