package import ApusProto

/// A message of a read that may say how many seconds it may take.
package protocol TimedRequest {
    var hasTimeout: Bool { get }
    var timeout: UInt64 { get }
}

extension TimedRequest {
    /// nil: as long as it takes.
    package var timeoutSeconds: UInt64? { hasTimeout ? timeout : nil }
}

extension Qdrant_SearchPoints: TimedRequest {}
extension Qdrant_SearchBatchPoints: TimedRequest {}
extension Qdrant_SearchPointGroups: TimedRequest {}
extension Qdrant_ScrollPoints: TimedRequest {}
extension Qdrant_RecommendPoints: TimedRequest {}
extension Qdrant_RecommendBatchPoints: TimedRequest {}
extension Qdrant_RecommendPointGroups: TimedRequest {}
extension Qdrant_DiscoverPoints: TimedRequest {}
extension Qdrant_DiscoverBatchPoints: TimedRequest {}
extension Qdrant_GetPoints: TimedRequest {}
extension Qdrant_CountPoints: TimedRequest {}
extension Qdrant_QueryPoints: TimedRequest {}
extension Qdrant_QueryBatchPoints: TimedRequest {}
extension Qdrant_QueryPointGroups: TimedRequest {}
extension Qdrant_FacetCounts: TimedRequest {}
extension Qdrant_SearchMatrixPoints: TimedRequest {}
