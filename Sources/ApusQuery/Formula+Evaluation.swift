package import ApusCore

#if canImport(Darwin)
private import Darwin
#else
private import Glibc
#endif

/// What a formula may ask about one point.
package protocol FormulaSubject {
    /// The point's score in a prefetch; nil: the prefetch has not found it.
    func score(in prefetch: Int) -> Float?
    /// The values at a path, arrays replaced by their elements.
    func values(at path: PayloadPath) throws(DatabaseError) -> [JSONValue]
    func satisfies(_ condition: Condition) throws(DatabaseError) -> Bool
}

extension Formula {
    /// The point's score.
    /// - Throws: `invalidArgument` for a value that is missing or of the wrong type, and for what
    ///   is not a finite number, such as a quotient by zero or a root of a negative number.
    package func score(of subject: some FormulaSubject) throws(DatabaseError) -> Float {
        let value = try FormulaEvaluation(subject: subject, defaults: defaults).value(expression)
        let score = Float(value)
        guard score.isFinite else { throw .notFinite("\(value) as 32-bit number") }
        return score
    }

    /// Throws for settings of decays that make no sense.
    package func validate() throws(DatabaseError) { try expression.validate() }
}

extension Formula.Expression {
    fileprivate func validate() throws(DatabaseError) {
        switch self {
        case .constant(let value):
            guard value.isFinite else { throw .notFinite("\(value)") }
        case .variable, .condition, .geoDistance, .time, .timeValue: break
        case .sum(let terms), .product(let terms): for term in terms { try term.validate() }
        case .quotient(let left, let right, _), .power(let left, let right):
            try left.validate()
            try right.validate()
        case .function(_, let argument): try argument.validate()
        case .decay(let decay):
            guard decay.midpoint > 0, decay.midpoint < 1 else {
                throw .badRequest(
                    "Decay midpoint should be between 0.0 and 1.0 (exclusive), got "
                        + "\(decay.midpoint)")
            }
            guard decay.scale > 0, decay.scale.isFinite else {
                throw .badRequest("Decay scale should be positive, got \(decay.scale)")
            }
            try decay.x.validate()
            try decay.target?.validate()
        }
    }
}

/// Computes an expression for one point.
private struct FormulaEvaluation<Subject: FormulaSubject> {
    let subject: Subject
    let defaults: [Formula.Variable: JSONValue]

    func value(_ expression: Formula.Expression) throws(DatabaseError) -> Double {
        switch expression {
        case .constant(let value): return value
        case .variable(.score(let prefetch)): return score(in: prefetch)
        case .variable(.payload(let path)): return try number(at: path)
        case .condition(let condition): return try subject.satisfies(condition) ? 1 : 0
        case .geoDistance(let origin, let path):
            return origin.distance(to: try place(at: path))
        case .time(let time): return time.seconds
        case .timeValue(let path): return try time(at: path).seconds
        case .sum(let terms):
            var sum = 0.0
            for term in terms { sum += try value(term) }
            return sum
        case .product(let factors):
            var product = 1.0
            for factor in factors {
                let next = try value(factor)
                if next == 0 { return 0 }
                product *= next
            }
            return product
        case .quotient(let dividend, let divisor, let byZero):
            return try quotient(dividend, divisor, byZero: byZero)
        case .power(let base, let exponent): return try power(base, exponent)
        case .function(let function, let argument):
            return try apply(function, to: try value(argument))
        case .decay(let decay): return try self.decay(decay)
        }
    }

    // MARK: Arithmetic

    private func quotient(
        _ dividend: Formula.Expression, _ divisor: Formula.Expression, byZero: Double?
    ) throws(DatabaseError) -> Double {
        let left = try value(dividend)
        if left == 0 { return 0 }
        let right = try value(divisor)
        if right == 0, let byZero { return byZero }
        return try finite(left / right, "\(left)/\(right)")
    }

    private func power(
        _ base: Formula.Expression, _ exponent: Formula.Expression
    ) throws(DatabaseError) -> Double {
        let left = try value(base)
        let right = try value(exponent)
        return try finite(pow(left, right), "\(left)^\(right)")
    }

    private func apply(
        _ function: Formula.Function, to x: Double
    ) throws(DatabaseError) -> Double {
        switch function {
        case .negation: return -x
        case .absolute: return abs(x)
        case .squareRoot: return try finite(x.squareRoot(), "√\(x)")
        case .exponential: return try finite(exp(x), "exp(\(x))")
        case .decimalLogarithm: return try finite(log10(x), "log10(\(x))")
        case .naturalLogarithm: return try finite(log(x), "ln(\(x))")
        }
    }

    private func decay(_ decay: Formula.Decay) throws(DatabaseError) -> Double {
        let distance = abs(try value(decay.x) - (try decay.target.map(value) ?? 0)) / decay.scale
        switch decay.shape {
        case .linear: return max(0, 1 - (1 - decay.midpoint) * distance)
        case .exponential: return exp(log(decay.midpoint) * distance)
        case .gaussian: return exp(log(decay.midpoint) * distance * distance)
        }
    }

    private func finite(_ value: Double, _ text: String) throws(DatabaseError) -> Double {
        guard value.isFinite else { throw .notFinite(text) }
        return value
    }

    // MARK: Variables

    private func score(in prefetch: Int) -> Double {
        if let score = subject.score(in: prefetch) { return Double(score) }
        return defaults[.score(prefetch)]?.number ?? 0
    }

    private func number(at path: PayloadPath) throws(DatabaseError) -> Double {
        guard let number = try value(at: path).number else {
            throw .wrongVariable(path, "a number")
        }
        return number
    }

    private func place(at path: PayloadPath) throws(DatabaseError) -> GeoPoint {
        guard let place = try value(at: path).geoPoint, abs(place.longitude) <= 180,
            abs(place.latitude) <= 90
        else {
            throw .wrongVariable(path, "a geo point")
        }
        return place
    }

    private func time(at path: PayloadPath) throws(DatabaseError) -> Timestamp {
        guard case .string(let text) = try value(at: path), let time = Timestamp(rfc3339: text)
        else { throw .wrongVariable(path, "a datetime") }
        return time
    }

    /// The only value at the path: several are an array, which is no value of a formula.
    private func value(at path: PayloadPath) throws(DatabaseError) -> JSONValue {
        let values = try subject.values(at: path)
        if values.count == 1 { return values[0] }
        if values.count > 1 { return .array(values) }
        switch defaults[.payload(path)] {
        case .array(let elements)? where elements.count == 1: return elements[0]
        case .array(let elements)? where elements.isEmpty: throw .noVariable(path)
        case let value?: return value
        case nil: throw .noVariable(path)
        }
    }
}

extension DatabaseError {
    fileprivate static func notFinite(_ expression: String) -> DatabaseError {
        .badRequest("The expression \(expression) produced a non-finite number")
    }

    fileprivate static func noVariable(_ path: PayloadPath) -> DatabaseError {
        .badRequest("No value found for \(path) in the payload nor the formula defaults")
    }

    fileprivate static func wrongVariable(_ path: PayloadPath, _ kind: String) -> DatabaseError {
        .badRequest(
            "Expected \(kind) for \(path) in the payload and/or in the formula defaults")
    }
}

extension Timestamp {
    /// Since 1970.
    fileprivate var seconds: Double { Double(microseconds) / 1_000_000 }
}
