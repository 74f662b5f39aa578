import ApusCore
import ApusProto
import ApusWire
import GRPCCore

/// Points of one collection. This file holds what writes; the extensions hold what reads.
struct PointsService: Qdrant_Points.SimpleServiceProtocol {
    let operations: Operations

    func upsert(
        request: Qdrant_UpsertPoints, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func delete(
        request: Qdrant_DeletePoints, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func updateVectors(
        request: Qdrant_UpdatePointVectors, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func deleteVectors(
        request: Qdrant_DeletePointVectors, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func setPayload(
        request: Qdrant_SetPayloadPoints, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation.setPayload(request)
        }
    }

    func overwritePayload(
        request: Qdrant_SetPayloadPoints, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation.overwritePayload(request)
        }
    }

    func deletePayload(
        request: Qdrant_DeletePayloadPoints, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func clearPayload(
        request: Qdrant_ClearPayloadPoints, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        try await write(to: request.collectionName, wait: request.wait) {
            () throws(DatabaseError) in try WriteOperation(request)
        }
    }

    func updateBatch(
        request: Qdrant_UpdateBatchPoints, context: ServerContext
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
        request: Qdrant_CreateFieldIndexCollection, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        let timer = CallTimer()
        let result = try await operations.createPayloadIndex(
            on: PayloadPath(text: request.fieldName, field: "field_name"),
            PayloadFieldSchema(request), in: request.collectionName)
        return .written(result, timer)
    }

    func deleteFieldIndex(
        request: Qdrant_DeleteFieldIndexCollection, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        let timer = CallTimer()
        let result = try await operations.dropPayloadIndex(
            on: PayloadPath(text: request.fieldName, field: "field_name"),
            in: request.collectionName)
        return .written(result, timer)
    }

    func createVectorName(
        request: Qdrant_CreateVectorNameRequest, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        throw DatabaseError.notOffered("Points/CreateVectorName")
    }

    func deleteVectorName(
        request: Qdrant_DeleteVectorNameRequest, context: ServerContext
    ) async throws -> Qdrant_PointsOperationResponse {
        throw DatabaseError.notOffered("Points/DeleteVectorName")
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
