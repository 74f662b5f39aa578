package import ApusCore

extension Filter {
    /// `{must, should, must_not, min_should}`, each clause a condition or a list of them.
    ///
    /// Other keys are refused: a misspelt clause would otherwise match every point, and a delete
    /// with it would empty the collection.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            guard try readClause(key, &reader) else {
                throw reader.malformed(
                    "unknown field `\(JSONError.shortened(key))`, "
                        + "expected one of `should`, `min_should`, `must`, `must_not`")
            }
        }
    }

    /// Reads the clause of that name; false if there is none.
    mutating func readClause(
        _ name: String, _ reader: inout JSONReader
    ) throws(JSONError) -> Bool {
        switch name {
        case "must": must = try Self.readConditions(&reader)
        case "should": should = try Self.readConditions(&reader)
        case "must_not": mustNot = try Self.readConditions(&reader)
        case "min_should": minShould = try reader.optional(MinShould.init(reading:))
        default: return false
        }
        return true
    }

    private static func readConditions(
        _ reader: inout JSONReader
    ) throws(JSONError) -> [Condition] {
        switch try reader.peek() {
        case .array: return try reader.array(of: Condition.init(reading:))
        case .object: return [try Condition(reading: &reader)]
        case .null, .string, .number, .bool:
            if reader.readNull() { return [] }
            throw reader.unexpected(expecting: "a condition or a list of conditions")
        }
    }
}

extension Filter.MinShould {
    init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var conditions: [Condition]?
        var count: Int?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "conditions": conditions = try reader.array(of: Condition.init(reading:))
            case "min_count": count = try reader.readCount(in: 1...JSONReader.countMax)
            default: try reader.skipValue()
            }
        }
        self.init(
            conditions: try reader.require(conditions, "conditions", ofObjectAt: start),
            count: try reader.require(count, "min_count", ofObjectAt: start))
    }
}
