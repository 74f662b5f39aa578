package import ApusCore

extension Formula {
    /// An object from variables to values.
    static func readDefaults(
        _ reader: inout JSONReader
    ) throws(JSONError) -> [Variable: JSONValue] {
        var defaults: [Variable: JSONValue] = [:]
        if reader.readNull() { return defaults }
        try reader.beginObject()
        while let name = try reader.nextKey() {
            guard let variable = Variable(name) else {
                throw reader.malformed("invalid variable `\(JSONError.shortened(name))`")
            }
            defaults[variable] = try reader.readValue()
        }
        return defaults
    }
}

extension Formula.Variable {
    init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        let name = try reader.readString()
        guard let variable = Self(name) else {
            throw reader.malformed("invalid variable `\(JSONError.shortened(name))`", at: start)
        }
        self = variable
    }
}

extension Formula.Expression {
    /// A number, a variable's name, or an object whose first key says what it is; an object of no
    /// other kind is a condition.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        switch try reader.peek() {
        case .number: self = .constant(try reader.readDouble())
        case .string: self = .variable(try Formula.Variable(reading: &reader))
        case .object:
            // A copy looks ahead; conditions read the whole object themselves.
            let start = reader.position()
            var ahead = reader
            try ahead.beginObject()
            guard let key = try ahead.nextKey() else {
                throw reader.malformed("an expression without content", at: start)
            }
            guard let expression = try Self.read(key, &ahead) else {
                self = .condition(try Condition(reading: &reader))
                return
            }
            if let other = try ahead.nextKey() {
                throw ahead.malformed(
                    "`\(key)` beside `\(JSONError.shortened(other))` in one expression")
            }
            reader = ahead
            self = expression
        case .array, .bool, .null: throw reader.unexpected(expecting: "an expression")
        }
    }

    /// The expression that stands under a key; nil: the key is of a condition.
    private static func read(
        _ key: String, _ reader: inout JSONReader
    ) throws(JSONError) -> Formula.Expression? {
        if let function = Formula.Function(rawValue: key) {
            return .function(function, try Formula.Expression(reading: &reader))
        }
        if let shape = Formula.Decay.Shape(rawValue: key) {
            return .decay(try Formula.Decay(shape, reading: &reader))
        }
        switch key {
        case "mult": return .product(try reader.array(of: Formula.Expression.init(reading:)))
        case "sum": return .sum(try reader.array(of: Formula.Expression.init(reading:)))
        case "div": return try readQuotient(&reader)
        case "pow": return try readPower(&reader)
        case "geo_distance": return try readGeoDistance(&reader)
        case "datetime": return .time(try Timestamp(reading: &reader))
        case "datetime_key": return .timeValue(try PayloadPath(reading: &reader))
        default: return nil
        }
    }

    /// `{"left", "right", "by_zero_default"}`.
    private static func readQuotient(
        _ reader: inout JSONReader
    ) throws(JSONError) -> Formula.Expression {
        let start = reader.position()
        var left: Formula.Expression?
        var right: Formula.Expression?
        var byZero: Double?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "left": left = try Formula.Expression(reading: &reader)
            case "right": right = try Formula.Expression(reading: &reader)
            case "by_zero_default": byZero = try reader.optional(Double.init(reading:))
            default: try reader.skipValue()
            }
        }
        return .quotient(
            try reader.require(left, "left", ofObjectAt: start),
            try reader.require(right, "right", ofObjectAt: start), byZero: byZero)
    }

    /// `{"base", "exponent"}`.
    private static func readPower(
        _ reader: inout JSONReader
    ) throws(JSONError) -> Formula.Expression {
        let start = reader.position()
        var base: Formula.Expression?
        var exponent: Formula.Expression?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "base": base = try Formula.Expression(reading: &reader)
            case "exponent": exponent = try Formula.Expression(reading: &reader)
            default: try reader.skipValue()
            }
        }
        return .power(
            try reader.require(base, "base", ofObjectAt: start),
            try reader.require(exponent, "exponent", ofObjectAt: start))
    }

    /// `{"origin", "to"}`.
    private static func readGeoDistance(
        _ reader: inout JSONReader
    ) throws(JSONError) -> Formula.Expression {
        let start = reader.position()
        var origin: GeoPoint?
        var path: PayloadPath?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "origin": origin = try GeoPoint(reading: &reader)
            case "to": path = try PayloadPath(reading: &reader)
            default: try reader.skipValue()
            }
        }
        return .geoDistance(
            from: try reader.require(origin, "origin", ofObjectAt: start),
            to: try reader.require(path, "to", ofObjectAt: start))
    }
}

extension Formula.Decay {
    /// `{"x", "target", "scale", "midpoint"}`; the engine checks the numbers' ranges.
    fileprivate init(_ shape: Shape, reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var x: Formula.Expression?
        var target: Formula.Expression?
        var scale: Double?
        var midpoint: Double?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "x": x = try Formula.Expression(reading: &reader)
            case "target": target = try reader.optional(Formula.Expression.init(reading:))
            case "scale": scale = try reader.optional(Double.init(reading:))
            case "midpoint": midpoint = try reader.optional(Double.init(reading:))
            default: try reader.skipValue()
            }
        }
        self.init(
            shape, x: try reader.require(x, "x", ofObjectAt: start), target: target,
            scale: scale ?? 1, midpoint: midpoint ?? 0.5)
    }
}
