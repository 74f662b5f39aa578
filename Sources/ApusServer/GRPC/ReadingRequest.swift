import ApusProto

/// A request of a call that may say how it reads.
protocol ReadingRequest {
    /// How many seconds it may take; nil: it says nothing.
    var timeoutSeconds: Int? { get }
}

extension ReadingRequest {
    var timeoutSeconds: Int? { nil }
}

/// One that has a field for it.
protocol TimedRequest: ReadingRequest {
    var hasTimeout: Bool { get }
    var timeout: UInt64 { get }
}

extension TimedRequest {
    var timeoutSeconds: Int? { hasTimeout ? Int(clamping: timeout) : nil }
}

extension Qdrant_UpsertPoints: TimedRequest {}
extension Qdrant_DeletePoints: TimedRequest {}
extension Qdrant_GetPoints: TimedRequest {}
extension Qdrant_UpdatePointVectors: TimedRequest {}
extension Qdrant_DeletePointVectors: TimedRequest {}
extension Qdrant_SetPayloadPoints: TimedRequest {}
extension Qdrant_DeletePayloadPoints: TimedRequest {}
extension Qdrant_ClearPayloadPoints: TimedRequest {}
extension Qdrant_SearchPoints: TimedRequest {}
extension Qdrant_SearchBatchPoints: TimedRequest {}
extension Qdrant_SearchPointGroups: TimedRequest {}
extension Qdrant_ScrollPoints: TimedRequest {}
extension Qdrant_RecommendPoints: TimedRequest {}
extension Qdrant_RecommendBatchPoints: TimedRequest {}
extension Qdrant_RecommendPointGroups: TimedRequest {}
extension Qdrant_DiscoverPoints: TimedRequest {}
extension Qdrant_DiscoverBatchPoints: TimedRequest {}
extension Qdrant_CountPoints: TimedRequest {}
extension Qdrant_QueryBatchPoints: TimedRequest {}
extension Qdrant_QueryPointGroups: TimedRequest {}
extension Qdrant_FacetCounts: TimedRequest {}
extension Qdrant_SearchMatrixPoints: TimedRequest {}
extension Qdrant_UpdateBatchPoints: TimedRequest {}

extension Qdrant_CreateFieldIndexCollection: ReadingRequest {}
extension Qdrant_DeleteFieldIndexCollection: ReadingRequest {}
extension Qdrant_CreateVectorNameRequest: ReadingRequest {}
extension Qdrant_DeleteVectorNameRequest: ReadingRequest {}
extension Apus_V1_WaitForVersionRequest: ReadingRequest {}
