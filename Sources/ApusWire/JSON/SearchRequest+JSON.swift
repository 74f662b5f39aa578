package import ApusCore

// The older searches, which the API keeps for clients that still send them. They say what a
// query says, with the vector and its field under one key.

extension QueryRequest {
    /// The body of a search: `vector` as a list or `{"name", "vector"}`, and `limit`.
    package init(readingSearch reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var parts = SearchParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if try !parts.read(key, &reader) { try reader.skipValue() }
        }
        self = try parts.request(reader, at: start)
    }
}

extension GroupsRequest {
    /// The body of a grouped search.
    package init(readingSearch reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var parts = SearchParts()
        var groups = GroupParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if try groups.read(key, &reader) { continue }
            if try !parts.read(key, &reader) { try reader.skipValue() }
        }
        self = try groups.request(try parts.request(reader, at: start), reader, at: start)
    }

    /// The body of a grouped recommendation.
    package init(readingRecommend reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var parts = RecommendParts()
        var groups = GroupParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if try groups.read(key, &reader) { continue }
            if try !parts.read(key, &reader) { try reader.skipValue() }
        }
        self = try groups.request(parts.request, reader, at: start)
    }
}

extension QueryRequest {
    /// The body of a recommendation: `positive`, `negative`, `strategy`, `using`.
    package init(readingRecommend reader: inout JSONReader) throws(JSONError) {
        var parts = RecommendParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if try !parts.read(key, &reader) { try reader.skipValue() }
        }
        self = parts.request
    }

    /// The body of a discovery: `target` and `context`, or `context` alone.
    package init(readingDiscover reader: inout JSONReader) throws(JSONError) {
        self.init()
        let start = reader.position()
        var target: VectorInput?
        var context: [ContextPair] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "target": target = try reader.optional(VectorInput.init(reading:))
            case "context": context = try ContextPair.list(reading: &reader)
            case "using": using = try reader.optional(String.init(reading:))
            case "lookup_from": lookupFrom = try reader.optional(LookupLocation.init(reading:))
            default: if try !readCommonMember(key, &reader) { try reader.skipValue() }
            }
        }
        if let target {
            query = .discover(target: target, context)
        } else {
            guard !context.isEmpty else {
                throw JSONError(.outOfRange, "either target or context is needed", offset: start)
            }
            query = .context(context)
        }
    }
}

private struct RecommendParts {
    private var query = QueryRequest()
    private var positive: [VectorInput] = []
    private var negative: [VectorInput] = []
    private var strategy = RecommendStrategy.averageVector

    mutating func read(_ name: String, _ reader: inout JSONReader) throws(JSONError) -> Bool {
        switch name {
        case "positive": positive = try VectorInput.list(reading: &reader)
        case "negative": negative = try VectorInput.list(reading: &reader)
        case "strategy":
            strategy = try reader.optional(RecommendStrategy.init(reading:)) ?? .averageVector
        case "using": query.using = try reader.optional(String.init(reading:))
        case "score_threshold":
            query.scoreThreshold = try reader.optional(Float.init(reading:))
        case "lookup_from":
            query.lookupFrom = try reader.optional(LookupLocation.init(reading:))
        default: return try query.readCommonMember(name, &reader)
        }
        return true
    }

    var request: QueryRequest {
        var request = query
        request.query = .recommend(positive: positive, negative: negative, strategy)
        return request
    }
}

private struct SearchParts {
    private var query = QueryRequest()
    private var vector: Vector?
    private var hasLimit = false

    mutating func read(_ name: String, _ reader: inout JSONReader) throws(JSONError) -> Bool {
        switch name {
        case "vector": try readVector(&reader)
        case "score_threshold":
            query.scoreThreshold = try reader.optional(Float.init(reading:))
        case "limit":
            query.limit = try reader.readCount(in: 1...JSONReader.countMax)
            hasLimit = true
        default: return try query.readCommonMember(name, &reader)
        }
        return true
    }

    /// `[floats]`, or `{"name", "vector": [floats] | {indices, values}}`.
    private mutating func readVector(_ reader: inout JSONReader) throws(JSONError) {
        guard try reader.peek() == .object else {
            vector = try reader.readDenseOrMultiVector()
            return
        }
        let start = reader.position()
        var name: String?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "name": name = try reader.readString()
            case "vector": vector = try Vector(reading: &reader)
            default: try reader.skipValue()
            }
        }
        query.using = try reader.require(name, "name", ofObjectAt: start)
        vector = try reader.require(vector, "vector", ofObjectAt: start)
    }

    func request(_ reader: JSONReader, at start: Int) throws(JSONError) -> QueryRequest {
        var request = query
        request.query = .nearest(
            .vector(try reader.require(vector, "vector", ofObjectAt: start)))
        guard hasLimit else { throw reader.malformed("missing field `limit`", at: start) }
        return request
    }
}
