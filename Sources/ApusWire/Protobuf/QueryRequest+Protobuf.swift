// Requests of `Query`, `QueryBatch` and `QueryGroups`.

package import ApusCore
package import ApusProto

extension QueryRequest {
    package init(_ message: Qdrant_QueryPoints) throws(DatabaseError) {
        self.init(
            query: message.hasQuery ? try Query(message.query) : nil,
            prefetch: try Prefetch.prefetches(message.prefetch),
            using: message.hasUsing ? message.using : nil,
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            parameters: try SearchParameters(message.params),
            scoreThreshold: message.hasScoreThreshold ? message.scoreThreshold : nil,
            limit: message.hasLimit ? Int(count: message.limit) : 10,
            offset: Int(count: message.offset),
            withPayload: try PayloadSelector(message.withPayload) ?? .none,
            withVectors: VectorSelector(message.withVectors),
            lookupFrom: message.hasLookupFrom ? LookupLocation(message.lookupFrom) : nil)
        try requireAtLeastOne(limit, "limit")
    }
}

extension GroupsRequest {
    package init(_ message: Qdrant_QueryPointGroups) throws(DatabaseError) {
        let query = QueryRequest(
            query: message.hasQuery ? try Query(message.query) : nil,
            prefetch: try Prefetch.prefetches(message.prefetch),
            using: message.hasUsing ? message.using : nil,
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            parameters: try SearchParameters(message.params),
            scoreThreshold: message.hasScoreThreshold ? message.scoreThreshold : nil,
            limit: message.hasLimit ? Int(count: message.limit) : 10,
            withPayload: try PayloadSelector(message.withPayload) ?? .none,
            withVectors: VectorSelector(message.withVectors),
            lookupFrom: message.hasLookupFrom ? LookupLocation(message.lookupFrom) : nil)
        try self.init(
            query: query, groupBy: message.groupBy,
            groupSize: message.hasGroupSize ? Int(count: message.groupSize) : 3,
            withLookup: message.hasWithLookup ? try GroupLookup(message.withLookup) : nil)
    }

    /// Checks what all grouped searches have in common.
    init(
        query: QueryRequest, groupBy: String, groupSize: Int, withLookup: GroupLookup?
    ) throws(DatabaseError) {
        try requireAtLeastOne(query.limit, "limit")
        try requireAtLeastOne(groupSize, "group_size")
        self.init(
            query: query, groupBy: try PayloadPath(text: groupBy, field: "group_by"),
            groupSize: groupSize, withLookup: withLookup)
    }
}

extension GroupsRequest.GroupLookup {
    init(_ message: Qdrant_WithLookup) throws(DatabaseError) {
        self.init(
            collection: message.collection,
            withPayload: try PayloadSelector(message.withPayload) ?? .all,
            withVectors: VectorSelector(message.withVectors))
    }
}

extension Prefetch {
    /// The decoder bounds how deep messages nest, and with it the depth of this recursion.
    fileprivate static func prefetches(
        _ messages: [Qdrant_PrefetchQuery]
    ) throws(DatabaseError) -> [Prefetch] {
        try messages.map { message throws(DatabaseError) in try Prefetch(message) }
    }

    private init(_ message: Qdrant_PrefetchQuery) throws(DatabaseError) {
        self.init(
            query: message.hasQuery ? try Query(message.query) : nil,
            prefetch: try Self.prefetches(message.prefetch),
            using: message.hasUsing ? message.using : nil,
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            parameters: try SearchParameters(message.params),
            scoreThreshold: message.hasScoreThreshold ? message.scoreThreshold : nil,
            limit: message.hasLimit ? Int(count: message.limit) : 10,
            lookupFrom: message.hasLookupFrom ? LookupLocation(message.lookupFrom) : nil)
        try requireAtLeastOne(limit, "prefetch.limit")
    }
}
