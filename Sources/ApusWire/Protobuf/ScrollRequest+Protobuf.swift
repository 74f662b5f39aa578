package import ApusCore
package import ApusProto

extension ScrollRequest {
    /// Answers carry the payload unless the request says otherwise.
    package init(_ message: Qdrant_ScrollPoints) throws(DatabaseError) {
        self.init(
            offset: message.hasOffset ? try PointID(message.offset) : nil,
            limit: message.hasLimit ? Int(message.limit) : 10,
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            withPayload: try PayloadSelector(message.withPayload) ?? .all,
            withVectors: VectorSelector(message.withVectors),
            orderBy: message.hasOrderBy ? try OrderBy(message.orderBy) : nil)
        try requireAtLeastOne(limit, "limit")
    }
}
