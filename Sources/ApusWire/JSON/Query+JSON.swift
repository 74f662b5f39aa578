package import ApusCore

extension Query {
    /// Any form of query. A vector or an id alone is a nearest-neighbour query; of an object the
    /// keys say what it is.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        if try reader.peek() == .object {
            self = try Self.readObject(&reader)
        } else {
            self = .nearest(try VectorInput(reading: &reader))
        }
    }

    private static func readObject(_ reader: inout JSONReader) throws(JSONError) -> Query {
        let start = reader.position()
        var query: Query?
        var sparse = SparseVectorParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "nearest": query = .nearest(try VectorInput(reading: &reader))
            case "recommend": query = try readRecommend(&reader)
            case "order_by": query = .orderBy(try OrderBy(reading: &reader))
            case "fusion":
                query = .fusion(
                    try reader.readName([
                        "rrf": .reciprocalRank, "dbsf": Fusion.distributionBased,
                    ]))
            case "rrf": query = .fusion(try readReciprocalRank(&reader))
            case "sample": query = try reader.readName(["random": .sampleRandom])
            case "mmr": try reader.refuse("mmr")
            case "discover", "context", "formula", "relevance_feedback":
                throw reader.unsupported("\(key) queries")
            default: try sparse.read(key, &reader)
            }
        }
        if let query { return query }
        return .nearest(.vector(.sparse(try sparse.vector(reader, at: start))))
    }

    private static func readRecommend(_ reader: inout JSONReader) throws(JSONError) -> Query {
        var positive: [VectorInput] = []
        var negative: [VectorInput] = []
        var strategy = RecommendStrategy.averageVector
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "positive": positive = try readExamples(&reader)
            case "negative": negative = try readExamples(&reader)
            case "strategy":
                strategy =
                    try reader.optional { (reader) throws(JSONError) in
                        try reader.readName([
                            "average_vector": .averageVector, "best_score": .bestScore,
                            "sum_scores": RecommendStrategy.sumScores,
                        ])
                    } ?? .averageVector
            default: try reader.skipValue()
            }
        }
        return .recommend(positive: positive, negative: negative, strategy)
    }

    private static func readExamples(
        _ reader: inout JSONReader
    ) throws(JSONError) -> [VectorInput] {
        try reader.optional { (reader) throws(JSONError) in
            try reader.array(of: VectorInput.init(reading:))
        } ?? []
    }

    /// `{"k", "weights"}`.
    private static func readReciprocalRank(_ reader: inout JSONReader) throws(JSONError) -> Fusion {
        var k: Int?
        var weights: [Float]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "k":
                k = try reader.readLimit()
            case "weights":
                weights = try reader.optional([Float].init(reading:))
            default: try reader.skipValue()
            }
        }
        return .reciprocalRank(k: k ?? 2, weights: weights ?? [])
    }
}

extension VectorInput {
    /// A vector, or the id of the point whose vector is meant.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        switch try reader.peek() {
        case .number, .string: self = .id(try PointID(reading: &reader))
        case .array, .object: self = .vector(try Vector(reading: &reader))
        case .bool, .null: throw reader.unexpected(expecting: "a vector or a point id")
        }
    }
}

extension OrderBy {
    /// A path, or `{"key", "direction", "start_from"}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        if try reader.peek() == .string {
            self.init(key: try PayloadPath(reading: &reader))
            return
        }
        let start = reader.position()
        var path: PayloadPath?
        var direction: Direction?
        var startFrom: Start?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "key": path = try PayloadPath(reading: &reader)
            case "direction":
                direction = try reader.optional { (reader) throws(JSONError) in
                    try reader.readName(["asc": .ascending, "desc": Direction.descending])
                }
            case "start_from": startFrom = try reader.optional(Self.readStart)
            default: try reader.skipValue()
            }
        }
        self.init(
            key: try reader.require(path, "key", ofObjectAt: start),
            direction: direction ?? .ascending, startFrom: startFrom)
    }

    private static func readStart(_ reader: inout JSONReader) throws(JSONError) -> Start {
        try reader.peek() == .string
            ? .time(try Timestamp(reading: &reader)) : .number(try reader.readDouble())
    }
}
