extension JSONReader {
    /// Counts above this mean the same as this one: more than any database holds, and still far
    /// enough from overflow that sums and products with small numbers are safe.
    package static let countMax = 1 << 52

    /// A whole number from 0 on. Throws "validation" outside `bounds`, "malformed" for anything
    /// that is not a whole number.
    package mutating func readCount(
        in bounds: ClosedRange<Int> = 0...countMax
    ) throws(JSONError) -> Int {
        let start = position()
        guard try peek() == .number else { throw unexpected(expecting: "an unsigned integer") }
        let number = try readNumber()
        guard let whole = integer(number, as: UInt64.self) else {
            throw malformed(
                "invalid value \(excerpt(of: number)), expected an unsigned integer", at: start)
        }
        let count = Int(clamping: whole)
        let upper = bounds.upperBound == Self.countMax ? nil : bounds.upperBound
        guard count >= bounds.lowerBound, count <= upper ?? .max else {
            throw outOfRange(
                whole.description, lower: bounds.lowerBound, upper: upper, at: start)
        }
        return min(count, Self.countMax)
    }

    /// A count, or nil for null.
    package mutating func readOptionalCount(
        in bounds: ClosedRange<Int> = 0...countMax
    ) throws(JSONError) -> Int? {
        if readNull() { return nil }
        return try readCount(in: bounds)
    }

    /// A count from 1 on, or nil for null.
    package mutating func readLimit() throws(JSONError) -> Int? {
        try readOptionalCount(in: 1...Self.countMax)
    }

    /// A number within `bounds`. Throws "validation" outside.
    package mutating func readDouble(
        in bounds: some RangeExpression<Double>, _ requirement: String
    ) throws(JSONError) -> Double {
        let start = position()
        let value = try readDouble()
        guard bounds.contains(value) else {
            throw JSONError(
                .outOfRange, "value \(value) invalid, must be \(requirement)", offset: start)
        }
        return value
    }

    /// A string that is the raw value of one of the cases.
    package mutating func readName<Name: RawRepresentable & CaseIterable>(
        _ type: Name.Type
    ) throws(JSONError) -> Name where Name.RawValue == String {
        try readName(Dictionary(uniqueKeysWithValues: Name.allCases.map { ($0.rawValue, $0) }))
    }

    /// A string that is one of the keys of `names`; what it stands for.
    package mutating func readName<Value>(_ names: [String: Value]) throws(JSONError) -> Value {
        let start = position()
        let text = try readString()
        guard let value = names[text] else {
            let known = names.keys.sorted().map { "`\($0)`" }.joined(separator: ", ")
            throw malformed(
                "unknown variant `\(JSONError.shortened(text))`, expected one of \(known)",
                at: start)
        }
        return value
    }

    /// The value, which the object that begins at `start` has to have.
    package func require<Value>(
        _ value: Value?, _ name: String, ofObjectAt start: Int
    ) throws(JSONError) -> Value {
        guard let value else { throw malformed("missing field `\(name)`", at: start) }
        return value
    }

    private func outOfRange(
        _ value: String, lower: Int, upper: Int?, at position: Int
    ) -> JSONError {
        let requirement = upper.map { "from \(lower).0 to \($0).0" } ?? "\(lower).0 or larger"
        return JSONError(
            .outOfRange, "value \(value) invalid, must be \(requirement)", offset: position)
    }
}
