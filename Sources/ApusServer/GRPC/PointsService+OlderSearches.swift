import ApusCore
import ApusProto
import ApusWire

/// The searches that `Query` replaced; older clients still send them.
extension PointsService {
    func search(
        _ request: Qdrant_SearchPoints
    ) async throws -> Qdrant_SearchResponse {
        let timer = CallTimer()
        let found = try await operations.query(QueryRequest(request), in: request.collectionName)
        return .with {
            $0.result = found.map { Qdrant_ScoredPoint($0) }
            $0.time = timer.seconds
        }
    }

    func searchBatch(
        _ request: Qdrant_SearchBatchPoints
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
        _ request: Qdrant_SearchPointGroups
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
        _ request: Qdrant_RecommendPoints
    ) async throws -> Qdrant_RecommendResponse {
        let timer = CallTimer()
        let found = try await operations.query(QueryRequest(request), in: request.collectionName)
        return .with {
            $0.result = found.map { Qdrant_ScoredPoint($0) }
            $0.time = timer.seconds
        }
    }

    func recommendBatch(
        _ request: Qdrant_RecommendBatchPoints
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
        _ request: Qdrant_RecommendPointGroups
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
        _ request: Qdrant_DiscoverPoints
    ) async throws -> Qdrant_DiscoverResponse {
        let timer = CallTimer()
        let found = try await operations.query(QueryRequest(request), in: request.collectionName)
        return .with {
            $0.result = found.map { Qdrant_ScoredPoint($0) }
            $0.time = timer.seconds
        }
    }

    func discoverBatch(
        _ request: Qdrant_DiscoverBatchPoints
    ) async throws -> Qdrant_DiscoverBatchResponse {
        let timer = CallTimer()
        let found = try await operations.query(
            request.discoverPoints.map { try QueryRequest($0) }, in: request.collectionName)
        return .with {
            $0.result = found.map { Qdrant_BatchResult($0) }
            $0.time = timer.seconds
        }
    }
}
