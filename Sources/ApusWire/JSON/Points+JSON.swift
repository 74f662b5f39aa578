package import ApusCore

extension Point {
    /// `{"id", "vector", "payload"}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var id: PointID?
        var vectors: [String: Vector]?
        var payload: Payload?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "id": id = try PointID(reading: &reader)
            case "vector": vectors = try Vector.fields(reading: &reader)
            case "payload":
                payload = try reader.optional(Payload.init(reading:))
            default: try reader.skipValue()
            }
        }
        self.init(
            id: try reader.require(id, "id", ofObjectAt: start),
            vectors: try reader.require(vectors, "vector", ofObjectAt: start),
            payload: payload ?? [:])
    }
}

extension PointVectors {
    /// `{"id", "vector"}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var id: PointID?
        var vectors: [String: Vector]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "id": id = try PointID(reading: &reader)
            case "vector": vectors = try Vector.fields(reading: &reader)
            default: try reader.skipValue()
            }
        }
        self.init(
            id: try reader.require(id, "id", ofObjectAt: start),
            vectors: try reader.require(vectors, "vector", ofObjectAt: start))
    }
}

/// Points as columns: `{"ids": […], "vectors": …, "payloads": […]}`.
struct PointBatch {
    /// One column of vectors for each field.
    private enum Columns {
        case unnamed([Vector])
        case named([String: [Vector]])
    }

    let points: [Point]

    init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var ids: [PointID]?
        var columns: Columns?
        var payloads: [Payload?]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "ids": ids = try reader.array(of: PointID.init(reading:))
            case "vectors": columns = try Self.readColumns(&reader)
            case "payloads":
                payloads = try reader.optional { (reader) throws(JSONError) in
                    try reader.array { (reader) throws(JSONError) in
                        try reader.optional(Payload.init(reading:))
                    }
                }
            default: try reader.skipValue()
            }
        }
        points = try Self.rows(
            ids: try reader.require(ids, "ids", ofObjectAt: start),
            columns: try reader.require(columns, "vectors", ofObjectAt: start),
            payloads: payloads, at: start)
    }

    private static func readColumns(_ reader: inout JSONReader) throws(JSONError) -> Columns {
        switch try reader.peek() {
        case .array: return .unnamed(try readColumn(&reader))
        case .object: return .named(try reader.dictionary(of: readColumn))
        case .string, .number, .bool, .null:
            throw reader.unexpected(expecting: "a list of vectors or a map of such lists")
        }
    }

    private static func readColumn(_ reader: inout JSONReader) throws(JSONError) -> [Vector] {
        try reader.array(of: Vector.init(reading:))
    }

    /// Every column has to be as long as `ids`.
    private static func rows(
        ids: [PointID], columns: Columns, payloads: [Payload?]?, at start: Int
    ) throws(JSONError) -> [Point] {
        func check(_ count: Int, _ what: String) throws(JSONError) {
            guard count == ids.count else {
                throw JSONError(
                    .outOfRange,
                    "number of ids and \(what) must be equal (\(ids.count) != \(count))",
                    offset: start)
            }
        }
        if let payloads { try check(payloads.count, "payloads") }
        var points = ids.indices.map { row in
            Point(id: ids[row], vectors: [:], payload: payloads.flatMap { $0[row] } ?? [:])
        }
        switch columns {
        case .unnamed(let vectors):
            try check(vectors.count, "vectors")
            for row in points.indices { points[row].vectors[defaultVectorName] = vectors[row] }
        case .named(let columns):
            for (name, vectors) in columns {
                try check(vectors.count, "vectors")
                for row in points.indices { points[row].vectors[name] = vectors[row] }
            }
        }
        return points
    }
}
