internal import ApusCore

extension FieldPredicate {
    /// The predicate that stands under `name` (`match`, `range`, …) in a condition on a field.
    init(named name: String, reading reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "match": self = try Self.readMatch(&reader)
        case "range": self = try Self.readRange(&reader)
        case "geo_bounding_box": self = try Self.readGeoBoundingBox(&reader)
        case "geo_radius": self = try Self.readGeoRadius(&reader)
        case "geo_polygon": self = try Self.readGeoPolygon(&reader)
        case "values_count": self = .valuesCount(try Self.readCountRange(&reader))
        default: throw reader.malformed("unknown field condition `\(name)`")
        }
    }

    // MARK: Match

    private static func readMatch(_ reader: inout JSONReader) throws(JSONError) -> FieldPredicate {
        let start = reader.position()
        var match: FieldPredicate?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "value": match = try readMatchValue(&reader)
            case "text": match = .matchText(try reader.readString())
            case "text_any": match = .matchTextAny(try reader.readString())
            case "phrase": match = .matchPhrase(try reader.readString())
            case "prefix": match = .matchPrefix(try reader.readString())
            case "any":
                switch try readVariants(&reader) {
                case .keywords(let keywords): match = .matchAnyKeyword(keywords)
                case .integers(let integers): match = .matchAnyInteger(integers)
                }
            case "except":
                switch try readVariants(&reader) {
                case .keywords(let keywords): match = .matchExceptKeyword(keywords)
                case .integers(let integers): match = .matchExceptInteger(integers)
                }
            default: try reader.skipValue()
            }
        }
        guard let match else {
            throw reader.malformed(
                "expected one of `value`, `text`, `text_any`, `phrase`, `prefix`, `any`, `except`",
                at: start)
        }
        return match
    }

    private static func readMatchValue(
        _ reader: inout JSONReader
    ) throws(JSONError) -> FieldPredicate {
        switch try reader.peek() {
        case .string: return .matchKeyword(try reader.readString())
        case .number: return .matchInteger(try reader.readInt64())
        case .bool: return .matchBool(try reader.readBool())
        case .object, .array, .null:
            throw reader.unexpected(expecting: "a string, an integer or a boolean")
        }
    }

    private enum Variants {
        case keywords(Set<String>)
        case integers(Set<Int64>)
    }

    /// A list of strings or a list of integers; an empty one counts as strings.
    private static func readVariants(_ reader: inout JSONReader) throws(JSONError) -> Variants {
        var keywords: Set<String> = []
        var integers: Set<Int64> = []
        try reader.beginArray()
        while try reader.nextElement() {
            switch try reader.peek() {
            case .string where integers.isEmpty: keywords.insert(try reader.readString())
            case .number where keywords.isEmpty: integers.insert(try reader.readInt64())
            case .object, .array, .bool, .null, .string, .number:
                throw reader.unexpected(expecting: "only strings or only integers")
            }
        }
        return integers.isEmpty ? .keywords(keywords) : .integers(integers)
    }

    // MARK: Ranges

    /// Bounds that are numbers, or times as strings.
    private static func readRange(_ reader: inout JSONReader) throws(JSONError) -> FieldPredicate {
        var ahead = reader
        var hasText = false
        try ahead.beginObject()
        while try ahead.nextKey() != nil {
            if try ahead.peek() == .string { hasText = true }
            try ahead.skipValue()
        }
        return hasText
            ? .datetimeRange(try DatetimeRange(reading: &reader))
            : .range(try NumericRange(reading: &reader))
    }

    private static func readCountRange(_ reader: inout JSONReader) throws(JSONError) -> NumericRange
    {
        try NumericRange(reading: &reader) { (reader) throws(JSONError) in
            Double(try reader.readCount())
        }
    }
}

extension NumericRange {
    init(
        reading reader: inout JSONReader,
        _ readBound: (inout JSONReader) throws(JSONError) -> Double = {
            (reader) throws(JSONError) in try reader.readDouble()
        }
    ) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "lt": lessThan = try reader.optional(readBound)
            case "gt": greaterThan = try reader.optional(readBound)
            case "gte": greaterOrEqual = try reader.optional(readBound)
            case "lte": lessOrEqual = try reader.optional(readBound)
            default: throw reader.unknownBound(key)
            }
        }
    }
}

extension DatetimeRange {
    init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "lt": lessThan = try reader.optional(Timestamp.init(reading:))
            case "gt": greaterThan = try reader.optional(Timestamp.init(reading:))
            case "gte": greaterOrEqual = try reader.optional(Timestamp.init(reading:))
            case "lte": lessOrEqual = try reader.optional(Timestamp.init(reading:))
            default: throw reader.unknownBound(key)
            }
        }
    }
}

extension JSONReader {
    /// A whole number that fits `Int64`.
    package mutating func readInt64() throws(JSONError) -> Int64 {
        let start = position()
        let number = try readNumber()
        guard let value = integer(number, as: Int64.self) else {
            throw malformed("invalid value \(excerpt(of: number)), expected an integer", at: start)
        }
        return value
    }

    fileprivate func unknownBound(_ key: String) -> JSONError {
        malformed(
            "unknown field `\(JSONError.shortened(key))`, "
                + "expected one of `lt`, `gt`, `gte`, `lte`")
    }
}
