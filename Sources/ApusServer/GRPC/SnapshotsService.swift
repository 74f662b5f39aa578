import ApusCore
import ApusProto
import ApusWire
import GRPCCore

/// Snapshots of one collection, and ("full") of the whole database. Downloads and uploads are REST
/// only, as in the interface that this follows.
struct SnapshotsService: Qdrant_Snapshots.SimpleServiceProtocol {
    let operations: Operations

    func create(
        request: Qdrant_CreateSnapshotRequest, context: ServerContext
    ) async throws -> Qdrant_CreateSnapshotResponse {
        try await create(of: request.collectionName)
    }

    func list(
        request: Qdrant_ListSnapshotsRequest, context: ServerContext
    ) async throws -> Qdrant_ListSnapshotsResponse {
        try await list(of: request.collectionName)
    }

    func delete(
        request: Qdrant_DeleteSnapshotRequest, context: ServerContext
    ) async throws -> Qdrant_DeleteSnapshotResponse {
        try await delete(request.snapshotName, of: request.collectionName)
    }

    func createFull(
        request: Qdrant_CreateFullSnapshotRequest, context: ServerContext
    ) async throws -> Qdrant_CreateSnapshotResponse {
        try await create(of: nil)
    }

    func listFull(
        request: Qdrant_ListFullSnapshotsRequest, context: ServerContext
    ) async throws -> Qdrant_ListSnapshotsResponse {
        try await list(of: nil)
    }

    func deleteFull(
        request: Qdrant_DeleteFullSnapshotRequest, context: ServerContext
    ) async throws -> Qdrant_DeleteSnapshotResponse {
        try await delete(request.snapshotName, of: nil)
    }

    private func create(of collection: String?) async throws -> Qdrant_CreateSnapshotResponse {
        let timer = CallTimer()
        let snapshot = try await operations.createSnapshot(of: collection)
        return .with {
            $0.snapshotDescription = Qdrant_SnapshotDescription(snapshot)
            $0.time = timer.seconds
        }
    }

    private func list(of collection: String?) async throws -> Qdrant_ListSnapshotsResponse {
        let timer = CallTimer()
        let snapshots = try await operations.snapshots(of: collection)
        return .with {
            $0.snapshotDescriptions = snapshots.map(Qdrant_SnapshotDescription.init)
            $0.time = timer.seconds
        }
    }

    private func delete(
        _ name: String, of collection: String?
    ) async throws -> Qdrant_DeleteSnapshotResponse {
        let timer = CallTimer()
        try await operations.deleteSnapshot(name, of: collection)
        return .with { $0.time = timer.seconds }
    }
}
