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
