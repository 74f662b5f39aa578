package import ApusCore

/// Points by id: `{"ids", "with_payload", "with_vector"}`.
package struct RetrieveRequest: Hashable, Sendable {
    package var ids: [PointID]
    package var withPayload: PayloadSelector
    package var withVectors: VectorSelector

    package init(
        ids: [PointID], withPayload: PayloadSelector = .all, withVectors: VectorSelector = .none
    ) {
        self.ids = ids
        self.withPayload = withPayload
        self.withVectors = withVectors
    }

    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var ids: [PointID]?
        withPayload = .all
        withVectors = .none
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "ids": ids = try reader.array(of: PointID.init(reading:))
            case "with_payload":
                withPayload = try reader.optional(PayloadSelector.init(reading:)) ?? .all
            case "with_vector", "with_vectors":
                withVectors = try reader.optional(VectorSelector.init(reading:)) ?? .none
            case "shard_key": try reader.refuse("shard_key")
            default: try reader.skipValue()
            }
        }
        self.ids = try reader.require(ids, "ids", ofObjectAt: start)
    }
}

/// How many points match: `{"filter", "exact"}`.
package struct CountRequest: Hashable, Sendable {
    package var filter: Filter?
    package var exact: Bool

    package init(filter: Filter? = nil, exact: Bool = true) {
        self.filter = filter
        self.exact = exact
    }

    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "filter": filter = try reader.optional(Filter.init(reading:))
            case "exact": exact = try reader.optional(Bool.init(reading:)) ?? true
            case "shard_key": try reader.refuse("shard_key")
            default: try reader.skipValue()
            }
        }
    }
}

extension ScrollRequest {
    /// `{"offset", "limit", "filter", "with_payload", "with_vector", "order_by"}`, and `version`,
    /// which is ours.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "offset": offset = try reader.optional(PointID.init(reading:))
            case "limit": limit = try reader.readLimit() ?? 10
            case "filter": filter = try reader.optional(Filter.init(reading:))
            case "with_payload":
                withPayload = try reader.optional(PayloadSelector.init(reading:)) ?? .all
            case "with_vector", "with_vectors":
                withVectors = try reader.optional(VectorSelector.init(reading:)) ?? .none
            case "order_by": orderBy = try reader.optional(OrderBy.init(reading:))
            case "version":
                version = try reader.optional(ReadVersion.init(reading:)) ?? .latest
            case "shard_key": try reader.refuse("shard_key")
            default: try reader.skipValue()
            }
        }
    }
}
