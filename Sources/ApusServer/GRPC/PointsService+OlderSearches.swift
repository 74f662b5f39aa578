import ApusCore
import ApusProto
import ApusWire
import GRPCCore

/// The searches that `Query` replaced; older clients still send them.
extension PointsService {
    func search(
        request: Qdrant_SearchPoints, context: ServerContext
    ) async throws -> Qdrant_SearchResponse {
        let timer = CallTimer()
        let found = try await operations.query(QueryRequest(request), in: request.collectionName)
        return .with {
            $0.result = found.map { Qdrant_ScoredPoint($0) }
            $0.time = timer.seconds
        }
    }

    func searchBatch(
        request: Qdrant_SearchBatchPoints, context: ServerContext
    ) async throws -> Qdrant_SearchBatchResponse {
        let timer = CallTimer()
        let found = try await operations.query(
            request.searchPoints.map { try QueryRequest($0) }, in: request.collectionName)
        return .with {
            $0.result = found.map { Qdrant_BatchResult($0) }
            $0.time = timer.seconds
        }
    }

    func searchGroups(
        request: Qdrant_SearchPointGroups, context: ServerContext
    ) async throws -> Qdrant_SearchGroupsResponse {
        let timer = CallTimer()
        let groups = try await operations.groups(
            GroupsRequest(request), in: request.collectionName)
        return .with {
            $0.result = Qdrant_GroupsResult(groups)
            $0.time = timer.seconds
        }
    }

    func recommend(
        request: Qdrant_RecommendPoints, context: ServerContext
    ) async throws -> Qdrant_RecommendResponse {
        let timer = CallTimer()
        let found = try await operations.query(QueryRequest(request), in: request.collectionName)
        return .with {
            $0.result = found.map { Qdrant_ScoredPoint($0) }
            $0.time = timer.seconds
        }
    }

    func recommendBatch(
        request: Qdrant_RecommendBatchPoints, context: ServerContext
    ) async throws -> Qdrant_RecommendBatchResponse {
        let timer = CallTimer()
        let found = try await operations.query(
            request.recommendPoints.map { try QueryRequest($0) }, in: request.collectionName)
        return .with {
            $0.result = found.map { Qdrant_BatchResult($0) }
            $0.time = timer.seconds
        }
    }

    func recommendGroups(
        request: Qdrant_RecommendPointGroups, context: ServerContext
    ) async throws -> Qdrant_RecommendGroupsResponse {
        let timer = CallTimer()
        let groups = try await operations.groups(
            GroupsRequest(request), in: request.collectionName)
        return .with {
            $0.result = Qdrant_GroupsResult(groups)
            $0.time = timer.seconds
        }
    }

    func discover(
        request: Qdrant_DiscoverPoints, context: ServerContext
    ) async throws -> Qdrant_DiscoverResponse {
        throw DatabaseError.notOffered("Points/Discover")
    }

    func discoverBatch(
        request: Qdrant_DiscoverBatchPoints, context: ServerContext
    ) async throws -> Qdrant_DiscoverBatchResponse {
        throw DatabaseError.notOffered("Points/DiscoverBatch")
    }
}
