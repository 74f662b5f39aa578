package import ApusCore

extension FacetRequest {
    /// `{"key", "filter", "limit", "exact"}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var path: PayloadPath?
        var filter: Filter?
        var limit = 10
        var exact = false
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "key": path = try PayloadPath(reading: &reader)
            case "filter": filter = try reader.optional(Filter.init(reading:))
            case "limit": limit = try reader.readLimit() ?? 10
            case "exact": exact = try reader.optional(Bool.init(reading:)) ?? false
            case "shard_key": try reader.refuse("shard_key")
            default: try reader.skipValue()
            }
        }
        self.init(
            key: try reader.require(path, "key", ofObjectAt: start), filter: filter,
            limit: limit, exact: exact)
    }
}

extension MatrixRequest {
    /// `{"filter", "sample", "limit", "using"}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "filter": filter = try reader.optional(Filter.init(reading:))
            case "sample": sample = try reader.readLimit() ?? 10
            case "limit": limit = try reader.readLimit() ?? 3
            case "using": using = try reader.optional(String.init(reading:))
            case "shard_key": try reader.refuse("shard_key")
            default: try reader.skipValue()
            }
        }
    }
}

extension JSONWriter {
    mutating func write(_ hits: [FacetHit]) {
        beginObject()
        key("hits")
        array(hits) {
            $0.beginObject()
            $0.key("value")
            switch $1.value {
            case .bool(let value): $0.write(value)
            case .integer(let value): $0.write(value)
            case .string(let value): $0.write(value)
            }
            $0.member("count", $1.count)
            $0.endObject()
        }
        endObject()
    }

    /// `{"pairs": [{"a", "b", "score"}]}`.
    mutating func writePairs(of matrix: DistanceMatrix) {
        beginObject()
        key("pairs")
        beginArray()
        for (id, row) in zip(matrix.ids, matrix.rows) {
            for entry in row {
                beginObject()
                key("a")
                write(id)
                key("b")
                write(matrix.ids[entry.column])
                key("score")
                write(entry.score)
                endObject()
            }
        }
        endArray()
        endObject()
    }

    /// `{"offsets_row", "offsets_col", "scores", "ids"}`.
    mutating func writeOffsets(of matrix: DistanceMatrix) {
        let entries = matrix.rows.enumerated().flatMap { row, entries in
            entries.map { (row: row, entry: $0) }
        }
        beginObject()
        key("offsets_row")
        array(entries) { $0.write($1.row) }
        key("offsets_col")
        array(entries) { $0.write($1.entry.column) }
        key("scores")
        array(entries) { $0.write($1.entry.score) }
        key("ids")
        array(matrix.ids) { $0.write($1) }
        endObject()
    }
}
