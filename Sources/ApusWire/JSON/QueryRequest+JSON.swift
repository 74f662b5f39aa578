package import ApusCore

extension QueryRequest {
    /// The body of a query.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if try !readMember(key, &reader) { try reader.skipValue() }
        }
    }

    /// Reads the member of that name; false if a query has none such.
    mutating func readMember(
        _ name: String, _ reader: inout JSONReader
    ) throws(JSONError) -> Bool {
        switch name {
        case "prefetch": prefetch = try Prefetch.list(reading: &reader)
        case "query": query = try reader.optional(Query.init(reading:))
        case "using":
            using = try reader.optional(String.init(reading:))
        case "score_threshold":
            scoreThreshold = try reader.optional(Float.init(reading:))
        case "lookup_from": lookupFrom = try reader.optional(LookupLocation.init(reading:))
        case "budget":
            budget = try reader.optional(QueryBudget.init(reading:)) ?? QueryBudget()
        default: return try readCommonMember(name, &reader)
        }
        return true
    }

    /// Reads a member that queries and the older searches share.
    mutating func readCommonMember(
        _ name: String, _ reader: inout JSONReader
    ) throws(JSONError) -> Bool {
        switch name {
        case "filter": filter = try reader.optional(Filter.init(reading:))
        case "params":
            parameters =
                try reader.optional(SearchParameters.init(reading:)) ?? SearchParameters()
        case "limit": limit = try reader.readLimit() ?? 10
        case "offset":
            offset =
                try reader.readOptionalCount() ?? 0
        case "with_payload":
            withPayload = try reader.optional(PayloadSelector.init(reading:)) ?? .none
        case "with_vector", "with_vectors":
            withVectors = try reader.optional(VectorSelector.init(reading:)) ?? .none
        case "shard_key": try reader.refuse("shard_key")
        default: return false
        }
        return true
    }
}

extension Prefetch {
    /// None, one, or a list.
    static func list(reading reader: inout JSONReader) throws(JSONError) -> [Prefetch] {
        switch try reader.peek() {
        case .array: return try reader.array(of: Prefetch.init(reading:))
        case .object: return [try Prefetch(reading: &reader)]
        case .null, .string, .number, .bool:
            if reader.readNull() { return [] }
            throw reader.unexpected(expecting: "a prefetch or a list of them")
        }
    }

    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "prefetch": prefetch = try Prefetch.list(reading: &reader)
            case "query": query = try reader.optional(Query.init(reading:))
            case "using":
                using = try reader.optional(String.init(reading:))
            case "filter": filter = try reader.optional(Filter.init(reading:))
            case "params":
                parameters =
                    try reader.optional(SearchParameters.init(reading:)) ?? SearchParameters()
            case "score_threshold":
                scoreThreshold = try reader.optional(Float.init(reading:))
            case "limit": limit = try reader.readLimit() ?? 10
            case "lookup_from": lookupFrom = try reader.optional(LookupLocation.init(reading:))
            default: try reader.skipValue()
            }
        }
    }
}

extension GroupsRequest {
    /// The body of a grouped query: a query with `group_by`, `group_size` and `with_lookup`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var parts = GroupParts()
        var query = QueryRequest()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if try parts.read(key, &reader) { continue }
            if try !query.readMember(key, &reader) { try reader.skipValue() }
        }
        self = try parts.request(query, reader, at: start)
    }
}

/// The members that make a search a grouped one.
struct GroupParts {
    private var path: PayloadPath?
    private var size: Int?
    private var lookup: GroupsRequest.GroupLookup?

    mutating func read(_ name: String, _ reader: inout JSONReader) throws(JSONError) -> Bool {
        switch name {
        case "group_by": path = try PayloadPath(reading: &reader)
        case "group_size": size = try reader.readLimit()
        case "with_lookup":
            lookup = try reader.optional(GroupsRequest.GroupLookup.init(reading:))
        default: return false
        }
        return true
    }

    func request(
        _ query: QueryRequest, _ reader: JSONReader, at start: Int
    ) throws(JSONError) -> GroupsRequest {
        GroupsRequest(
            query: query, groupBy: try reader.require(path, "group_by", ofObjectAt: start),
            groupSize: size ?? 3, withLookup: lookup)
    }
}
