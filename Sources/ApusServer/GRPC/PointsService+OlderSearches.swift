import ApusCore
import ApusProto
import ApusWire

/// The searches that `Query` replaced; older clients still send them.
extension PointsService {
    func search(_ request: Qdrant_SearchPoints) throws -> Read<Qdrant_SearchResponse> {
        let timer = CallTimer()
        return try Read.points(QueryRequest(request), in: request.collectionName).map { found in
            .with {
                $0.result = found.map { Qdrant_ScoredPoint($0) }
                $0.time = timer.seconds
            }
        }
    }

    func searchBatch(_ request: Qdrant_SearchBatchPoints) throws -> Read<Qdrant_SearchBatchResponse>
    {
        let timer = CallTimer()
        return try Read.points(
            request.searchPoints.map { try QueryRequest($0) }, in: request.collectionName
        ).map { found in
            .with {
                $0.result = found.map { Qdrant_BatchResult($0) }
                $0.time = timer.seconds
            }
        }
    }

    func searchGroups(_ request: Qdrant_SearchPointGroups) throws -> Read<
        Qdrant_SearchGroupsResponse
    > {
        let timer = CallTimer()
        return try Read.groups(GroupsRequest(request), in: request.collectionName).map { groups in
            .with {
                $0.result = Qdrant_GroupsResult(groups)
                $0.time = timer.seconds
            }
        }
    }

    func recommend(_ request: Qdrant_RecommendPoints) throws -> Read<Qdrant_RecommendResponse> {
        let timer = CallTimer()
        return try Read.points(QueryRequest(request), in: request.collectionName).map { found in
            .with {
                $0.result = found.map { Qdrant_ScoredPoint($0) }
                $0.time = timer.seconds
            }
        }
    }

    func recommendBatch(_ request: Qdrant_RecommendBatchPoints) throws -> Read<
        Qdrant_RecommendBatchResponse
    > {
        let timer = CallTimer()
        return try Read.points(
            request.recommendPoints.map { try QueryRequest($0) }, in: request.collectionName
        ).map { found in
            .with {
                $0.result = found.map { Qdrant_BatchResult($0) }
                $0.time = timer.seconds
            }
        }
    }

    func recommendGroups(_ request: Qdrant_RecommendPointGroups) throws -> Read<
        Qdrant_RecommendGroupsResponse
    > {
        let timer = CallTimer()
        return try Read.groups(GroupsRequest(request), in: request.collectionName).map { groups in
            .with {
                $0.result = Qdrant_GroupsResult(groups)
                $0.time = timer.seconds
            }
        }
    }

    func discover(_ request: Qdrant_DiscoverPoints) throws -> Read<Qdrant_DiscoverResponse> {
        let timer = CallTimer()
        return try Read.points(QueryRequest(request), in: request.collectionName).map { found in
            .with {
                $0.result = found.map { Qdrant_ScoredPoint($0) }
                $0.time = timer.seconds
            }
        }
    }

    func discoverBatch(_ request: Qdrant_DiscoverBatchPoints) throws -> Read<
        Qdrant_DiscoverBatchResponse
    > {
        let timer = CallTimer()
        return try Read.points(
            request.discoverPoints.map { try QueryRequest($0) }, in: request.collectionName
        ).map { found in
            .with {
                $0.result = found.map { Qdrant_BatchResult($0) }
                $0.time = timer.seconds
            }
        }
    }
}
