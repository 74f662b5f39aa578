import ApusCore
import ApusProto
import GRPCCore

/// Snapshots do not exist yet: every method says so.
struct SnapshotsService: Qdrant_Snapshots.SimpleServiceProtocol {
    func create(
        request: Qdrant_CreateSnapshotRequest, context: ServerContext
    ) async throws -> Qdrant_CreateSnapshotResponse {
        throw DatabaseError.notOffered("Snapshots/Create")
    }

    func list(
        request: Qdrant_ListSnapshotsRequest, context: ServerContext
    ) async throws -> Qdrant_ListSnapshotsResponse {
        throw DatabaseError.notOffered("Snapshots/List")
    }

    func delete(
        request: Qdrant_DeleteSnapshotRequest, context: ServerContext
    ) async throws -> Qdrant_DeleteSnapshotResponse {
        throw DatabaseError.notOffered("Snapshots/Delete")
    }

    func createFull(
        request: Qdrant_CreateFullSnapshotRequest, context: ServerContext
    ) async throws -> Qdrant_CreateSnapshotResponse {
        throw DatabaseError.notOffered("Snapshots/CreateFull")
    }

    func listFull(
        request: Qdrant_ListFullSnapshotsRequest, context: ServerContext
    ) async throws -> Qdrant_ListSnapshotsResponse {
        throw DatabaseError.notOffered("Snapshots/ListFull")
    }

    func deleteFull(
        request: Qdrant_DeleteFullSnapshotRequest, context: ServerContext
    ) async throws -> Qdrant_DeleteSnapshotResponse {
        throw DatabaseError.notOffered("Snapshots/DeleteFull")
    }
}
