import ApusCore
import ApusProto
import ApusWire

/// Reading points, and searching with `Query`.
extension PointsService {
    func get(
        _ request: Qdrant_GetPoints
    ) async throws -> Qdrant_GetResponse {
        let timer = CallTimer()
        let records = try await operations.retrieve(
            PointID.ids(request.ids),
            withPayload: PayloadSelector(request.withPayload) ?? .none,
            withVectors: VectorSelector(request.withVectors), from: request.collectionName)
        return .with {
            $0.result = records.map { Qdrant_RetrievedPoint($0) }
            $0.time = timer.seconds
        }
    }

    func scroll(
        _ request: Qdrant_ScrollPoints
    ) async throws -> Qdrant_ScrollResponse {
        let timer = CallTimer()
        let page = try await operations.scroll(
            ScrollRequest(request), in: request.collectionName)
        return .with {
            $0.result = page.points.map { Qdrant_RetrievedPoint($0) }
            if let next = page.nextOffset { $0.nextPageOffset = Qdrant_PointId(next) }
            $0.time = timer.seconds
        }
    }

    func count(
        _ request: Qdrant_CountPoints
    ) async throws -> Qdrant_CountResponse {
        let timer = CallTimer()
        let count = try await operations.count(
            request.hasFilter ? Filter(request.filter) : nil,
            exact: request.hasExact ? request.exact : true, in: request.collectionName)
        return .with {
            $0.result.count = UInt64(count: count)
            $0.time = timer.seconds
        }
    }

    func query(
        _ request: Qdrant_QueryPoints
    ) async throws -> Qdrant_QueryResponse {
        let timer = CallTimer()
        let found = try await operations.query(QueryRequest(request), in: request.collectionName)
        return .with {
            $0.result = found.map { Qdrant_ScoredPoint($0) }
            $0.time = timer.seconds
        }
    }

    func queryBatch(
        _ request: Qdrant_QueryBatchPoints
    ) async throws -> Qdrant_QueryBatchResponse {
        let timer = CallTimer()
        let found = try await operations.query(
            request.queryPoints.map { try QueryRequest($0) }, in: request.collectionName)
        return .with {
            $0.result = found.map { Qdrant_BatchResult($0) }
            $0.time = timer.seconds
        }
    }

    func queryGroups(
        _ request: Qdrant_QueryPointGroups
    ) async throws -> Qdrant_QueryGroupsResponse {
        let timer = CallTimer()
        let groups = try await operations.groups(
            GroupsRequest(request), in: request.collectionName)
        return .with {
            $0.result = Qdrant_GroupsResult(groups)
            $0.time = timer.seconds
        }
    }

    func facet(
        _ request: Qdrant_FacetCounts
    ) async throws -> Qdrant_FacetResponse {
        let timer = CallTimer()
        let hits = try await operations.facets(FacetRequest(request), in: request.collectionName)
        return .with {
            $0.hits = hits.map { Qdrant_FacetHit($0) }
            $0.time = timer.seconds
        }
    }

    func searchMatrixPairs(
        _ request: Qdrant_SearchMatrixPoints
    ) async throws -> Qdrant_SearchMatrixPairsResponse {
        let timer = CallTimer()
        let matrix = try await operations.matrix(
            MatrixRequest(request), in: request.collectionName)
        return .with {
            $0.result = Qdrant_SearchMatrixPairs(matrix)
            $0.time = timer.seconds
        }
    }

    func searchMatrixOffsets(
        _ request: Qdrant_SearchMatrixPoints
    ) async throws -> Qdrant_SearchMatrixOffsetsResponse {
        let timer = CallTimer()
        let matrix = try await operations.matrix(
            MatrixRequest(request), in: request.collectionName)
        return .with {
            $0.result = Qdrant_SearchMatrixOffsets(matrix)
            $0.time = timer.seconds
        }
    }
}
