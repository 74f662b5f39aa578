import ApusCore
import ApusProto
import ApusRPC
import ApusWire

/// Snapshots of one collection, and ("full") of the whole database. Downloads and uploads are REST
/// only, as in the interface that this follows.
struct SnapshotsService {
    let operations: Operations

    var methods: [RPCMethod] {
        let service = ServiceMethods(service: "qdrant.Snapshots")
        return [
            service.unary("Create", create(_:)),
            service.unary("List", list(_:)),
            service.unary("Delete", delete(_:)),
            service.unary("CreateFull", createFull(_:)),
            service.unary("ListFull", listFull(_:)),
            service.unary("DeleteFull", deleteFull(_:)),
        ]
    }

    func create(
        _ request: Qdrant_CreateSnapshotRequest
    ) async throws -> Qdrant_CreateSnapshotResponse {
        try await create(of: request.collectionName)
    }

    func list(
        _ request: Qdrant_ListSnapshotsRequest
    ) async throws -> Qdrant_ListSnapshotsResponse {
        try await list(of: request.collectionName)
    }

    func delete(
        _ request: Qdrant_DeleteSnapshotRequest
    ) async throws -> Qdrant_DeleteSnapshotResponse {
        try await delete(request.snapshotName, of: request.collectionName)
    }

    func createFull(
        _ request: Qdrant_CreateFullSnapshotRequest
    ) async throws -> Qdrant_CreateSnapshotResponse {
        try await create(of: nil)
    }

    func listFull(
        _ request: Qdrant_ListFullSnapshotsRequest
    ) async throws -> Qdrant_ListSnapshotsResponse {
        try await list(of: nil)
    }

    func deleteFull(
        _ request: Qdrant_DeleteFullSnapshotRequest
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
