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
        var relevance: MarginalRelevance?
        var formula: Formula.Expression?
        var defaults: [Formula.Variable: JSONValue] = [:]
        var parts = VectorParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "nearest": query = .nearest(try VectorInput(reading: &reader))
            case "mmr": relevance = try reader.optional(MarginalRelevance.init(reading:))
            case "recommend": query = try readRecommend(&reader)
            case "discover": query = try readDiscover(&reader)
            case "context": query = .context(try ContextPair.list(reading: &reader))
            case "relevance_feedback": query = try readRelevanceFeedback(&reader)
            case "order_by": query = .orderBy(try OrderBy(reading: &reader))
            case "fusion":
                query = .fusion(
                    try reader.readName([
                        "rrf": .reciprocalRank, "dbsf": Fusion.distributionBased,
                    ]))
            case "rrf": query = .fusion(try readReciprocalRank(&reader))
            case "sample": query = try reader.readName(["random": .sampleRandom])
            case "formula": formula = try Formula.Expression(reading: &reader)
            case "defaults": defaults = try Formula.readDefaults(&reader)
            default: try parts.read(key, &reader)
            }
        }
        if let formula { return .formula(Formula(formula, defaults: defaults)) }
        if case .nearest(let input)? = query, let relevance { return .diverse(input, relevance) }
        if let query { return query }
        return .nearest(try parts.input(reader, at: start))
    }

    static func readRecommend(_ reader: inout JSONReader) throws(JSONError) -> Query {
        var positive: [VectorInput] = []
        var negative: [VectorInput] = []
        var strategy = RecommendStrategy.averageVector
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "positive": positive = try VectorInput.list(reading: &reader)
            case "negative": negative = try VectorInput.list(reading: &reader)
            case "strategy":
                strategy =
                    try reader.optional(RecommendStrategy.init(reading:)) ?? .averageVector
            default: try reader.skipValue()
            }
        }
        return .recommend(positive: positive, negative: negative, strategy)
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
        case .array: self = .vector(try reader.readDenseOrMultiVector())
        case .object:
            let start = reader.position()
            var parts = VectorParts()
            try reader.beginObject()
            while let key = try reader.nextKey() { try parts.read(key, &reader) }
            self = try parts.input(reader, at: start)
        case .bool, .null: throw reader.unexpected(expecting: "a vector or a point id")
        }
    }

    /// null is an empty list.
    static func list(reading reader: inout JSONReader) throws(JSONError) -> [VectorInput] {
        try reader.optional { (reader) throws(JSONError) in
            try reader.array(of: VectorInput.init(reading:))
        } ?? []
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
