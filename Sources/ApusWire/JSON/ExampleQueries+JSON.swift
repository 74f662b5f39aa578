package import ApusCore

extension Query {
    /// `{"target", "context"}`.
    static func readDiscover(_ reader: inout JSONReader) throws(JSONError) -> Query {
        let start = reader.position()
        var target: VectorInput?
        var context: [ContextPair]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "target": target = try VectorInput(reading: &reader)
            case "context": context = try ContextPair.list(reading: &reader)
            default: try reader.skipValue()
            }
        }
        return .discover(
            target: try reader.require(target, "target", ofObjectAt: start),
            try reader.require(context, "context", ofObjectAt: start))
    }

    /// `{"target", "feedback", "strategy": {"naive": {"a", "b", "c"}}}`.
    static func readRelevanceFeedback(_ reader: inout JSONReader) throws(JSONError) -> Query {
        let start = reader.position()
        var target: VectorInput?
        var feedback: [FeedbackItem]?
        var weights: FeedbackWeights?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "target": target = try VectorInput(reading: &reader)
            case "feedback": feedback = try reader.array(of: FeedbackItem.init(reading:))
            case "strategy": weights = try FeedbackWeights(reading: &reader)
            default: try reader.skipValue()
            }
        }
        return .relevanceFeedback(
            target: try reader.require(target, "target", ofObjectAt: start),
            try reader.require(feedback, "feedback", ofObjectAt: start),
            try reader.require(weights, "strategy", ofObjectAt: start))
    }
}

extension ContextPair {
    /// A pair, a list of pairs, or null for none.
    static func list(reading reader: inout JSONReader) throws(JSONError) -> [ContextPair] {
        switch try reader.peek() {
        case .array: return try reader.array(of: ContextPair.init(reading:))
        case .object: return [try ContextPair(reading: &reader)]
        case .null, .string, .number, .bool:
            if reader.readNull() { return [] }
            throw reader.unexpected(expecting: "a pair of examples or a list of pairs")
        }
    }

    /// `{"positive", "negative"}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var positive: VectorInput?
        var negative: VectorInput?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "positive": positive = try VectorInput(reading: &reader)
            case "negative": negative = try VectorInput(reading: &reader)
            default: try reader.skipValue()
            }
        }
        self.init(
            positive: try reader.require(positive, "positive", ofObjectAt: start),
            negative: try reader.require(negative, "negative", ofObjectAt: start))
    }
}

extension FeedbackItem {
    /// `{"example", "score"}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var example: VectorInput?
        var score: Float?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "example": example = try VectorInput(reading: &reader)
            case "score": score = try reader.readFloat()
            default: try reader.skipValue()
            }
        }
        self.init(
            example: try reader.require(example, "example", ofObjectAt: start),
            score: try reader.require(score, "score", ofObjectAt: start))
    }
}

extension FeedbackWeights {
    /// `{"naive": {"a", "b", "c"}}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var weights: FeedbackWeights?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "naive" {
                weights = try FeedbackWeights(readingNaive: &reader)
            } else {
                try reader.skipValue()
            }
        }
        self = try reader.require(weights, "naive", ofObjectAt: start)
    }

    private init(readingNaive reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var values: [String: Float] = [:]
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if ["a", "b", "c"].contains(key) {
                values[key] = try reader.readFloat()
            } else {
                try reader.skipValue()
            }
        }
        let exponent = try reader.require(values["b"], "b", ofObjectAt: start)
        guard exponent >= 0 else {
            throw JSONError(
                .outOfRange, "b: value \(exponent) invalid, must be 0.0 or larger", offset: start)
        }
        self.init(
            a: try reader.require(values["a"], "a", ofObjectAt: start), b: exponent,
            c: try reader.require(values["c"], "c", ofObjectAt: start))
    }
}

extension MarginalRelevance {
    /// `{"diversity", "candidates_limit"}`; the engine checks their ranges.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "diversity": diversity = try reader.optional(Float.init(reading:)) ?? 0.5
            case "candidates_limit": candidatesLimit = try reader.readOptionalCount()
            default: try reader.skipValue()
            }
        }
    }
}

extension RecommendStrategy {
    init(reading reader: inout JSONReader) throws(JSONError) {
        self = try reader.readName([
            "average_vector": .averageVector, "best_score": .bestScore,
            "sum_scores": .sumScores,
        ])
    }
}
