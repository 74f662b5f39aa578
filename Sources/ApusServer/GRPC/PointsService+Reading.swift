import ApusCore
import ApusProto
import ApusRPC
import ApusWire
import NIOCore

/// Reading points, and searching with `Query`.
extension PointsService {
    func get(_ request: Qdrant_GetPoints) throws -> Read<Qdrant_GetResponse> {
        let timer = CallTimer()
        return try Read.records(
            PointID.ids(request.ids), withPayload: PayloadSelector(request.withPayload) ?? .none,
            withVectors: VectorSelector(request.withVectors), in: request.collectionName
        ).map { records in
            .with {
                $0.result = records.map { Qdrant_RetrievedPoint($0) }
                $0.time = timer.seconds
            }
        }
    }

    func scroll(_ request: Qdrant_ScrollPoints) throws -> Read<Qdrant_ScrollResponse> {
        let timer = CallTimer()
        return try Read.page(ScrollRequest(request), in: request.collectionName).map { page in
            .with {
                $0.result = page.points.map { Qdrant_RetrievedPoint($0) }
                if let next = page.nextOffset { $0.nextPageOffset = Qdrant_PointId(next) }
                $0.time = timer.seconds
            }
        }
    }

    func count(_ request: Qdrant_CountPoints) throws -> Read<Qdrant_CountResponse> {
        let timer = CallTimer()
        return try Read.count(
            request.hasFilter ? Filter(request.filter) : nil,
            exact: request.hasExact ? request.exact : true, in: request.collectionName
        ).map { count in
            .with {
                $0.result.count = UInt64(count: count)
                $0.time = timer.seconds
            }
        }
    }

    /// The call that servers get most: its messages are read and written by hand.
    func query(_ bytes: ByteBuffer) throws -> (Read<FramedMessage>, seconds: Int?) {
        let timer = CallTimer()
        let call =
            try QueryCall(bytes.readableBytesSpan) ?? QueryCall(Qdrant_QueryPoints(decoding: bytes))
        let read = Read.points(call.request, in: call.collection).map { found in
            FramedMessage(bytes: try QueryReply(found, seconds: timer.seconds).bytes)
        }
        return (read, call.timeoutSeconds)
    }

    func queryBatch(_ request: Qdrant_QueryBatchPoints) throws -> Read<Qdrant_QueryBatchResponse> {
        let timer = CallTimer()
        return try Read.points(
            request.queryPoints.map { try QueryRequest($0) }, in: request.collectionName
        ).map { found in
            .with {
                $0.result = found.map { Qdrant_BatchResult($0) }
                $0.time = timer.seconds
            }
        }
    }

    func queryGroups(_ request: Qdrant_QueryPointGroups) throws -> Read<Qdrant_QueryGroupsResponse>
    {
        let timer = CallTimer()
        return try Read.groups(GroupsRequest(request), in: request.collectionName).map { groups in
            .with {
                $0.result = Qdrant_GroupsResult(groups)
                $0.time = timer.seconds
            }
        }
    }

    func facet(_ request: Qdrant_FacetCounts) throws -> Read<Qdrant_FacetResponse> {
        let timer = CallTimer()
        return try Read.facets(FacetRequest(request), in: request.collectionName).map { hits in
            .with {
                $0.hits = hits.map { Qdrant_FacetHit($0) }
                $0.time = timer.seconds
            }
        }
    }

    func searchMatrixPairs(_ request: Qdrant_SearchMatrixPoints) throws -> Read<
        Qdrant_SearchMatrixPairsResponse
    > {
        let timer = CallTimer()
        return try Read.matrix(MatrixRequest(request), in: request.collectionName).map { matrix in
            .with {
                $0.result = Qdrant_SearchMatrixPairs(matrix)
                $0.time = timer.seconds
            }
        }
    }

    func searchMatrixOffsets(_ request: Qdrant_SearchMatrixPoints) throws -> Read<
        Qdrant_SearchMatrixOffsetsResponse
    > {
        let timer = CallTimer()
        return try Read.matrix(MatrixRequest(request), in: request.collectionName).map { matrix in
            .with {
                $0.result = Qdrant_SearchMatrixOffsets(matrix)
                $0.time = timer.seconds
            }
        }
    }
}
