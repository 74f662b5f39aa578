/// A score computed for each candidate from the scores of prefetches, from payload, and from
/// conditions.
public struct Formula: Hashable, Sendable {
    public var expression: Expression
    /// What variables stand for at points that lack them.
    public var defaults: [Variable: JSONValue]

    public init(_ expression: Expression, defaults: [Variable: JSONValue] = [:]) {
        self.expression = expression
        self.defaults = defaults
    }

    /// What a name in a formula means.
    public enum Variable: Hashable, Sendable {
        /// The point's score in a prefetch, counted from 0; 0 where the prefetch has not found it
        /// and there is no default.
        case score(Int)
        /// The number at a payload path.
        case payload(PayloadPath)
    }

    public indirect enum Expression: Hashable, Sendable {
        case constant(Double)
        case variable(Variable)
        /// 1 where the condition holds, else 0.
        case condition(Condition)
        /// Metres from a place to the one at a payload path.
        case geoDistance(from: GeoPoint, to: PayloadPath)
        case time(Timestamp)
        /// Seconds since 1970 of the time at a payload path.
        case timeValue(PayloadPath)
        case sum([Expression])
        /// 0 from the first factor that is 0; those behind it are not computed.
        case product([Expression])
        /// 0 where the dividend is 0; `byZero` where only the divisor is.
        case quotient(Expression, Expression, byZero: Double?)
        case power(Expression, Expression)
        case function(Function, Expression)
        case decay(Decay)
    }

    public enum Function: String, Hashable, Sendable, CaseIterable {
        case negation = "neg"
        case absolute = "abs"
        case squareRoot = "sqrt"
        case exponential = "exp"
        case decimalLogarithm = "log10"
        case naturalLogarithm = "ln"
    }

    /// A value that falls from 1 at `target`, to `midpoint` at the distance `scale` from it.
    public struct Decay: Hashable, Sendable {
        public enum Shape: String, Hashable, Sendable, CaseIterable {
            case linear = "lin_decay"
            case exponential = "exp_decay"
            case gaussian = "gauss_decay"
        }

        public var shape: Shape
        public var x: Expression
        /// nil: 0.
        public var target: Expression?
        /// Above 0.
        public var scale: Double
        /// Between 0 and 1, both excluded.
        public var midpoint: Double

        public init(
            _ shape: Shape, x: Expression, target: Expression? = nil, scale: Double = 1,
            midpoint: Double = 0.5
        ) {
            self.shape = shape
            self.x = x
            self.target = target
            self.scale = scale
            self.midpoint = midpoint
        }
    }
}

extension Formula.Variable {
    /// Reads `$score`, which is `$score[0]`, `$score[n]`, or a payload path; nil when `text` is none.
    public init?(_ text: String) {
        guard text.hasPrefix("$score") else {
            guard let path = PayloadPath(text) else { return nil }
            self = .payload(path)
            return
        }
        let rest = text.dropFirst("$score".count)
        if rest.isEmpty {
            self = .score(0)
        } else if rest.hasPrefix("["), rest.hasSuffix("]"),
            let index = UInt32(rest.dropFirst().dropLast())
        {
            self = .score(Int(index))
        } else {
            return nil
        }
    }
}

extension Formula.Expression {
    /// The payload fields that are read where the expression is computed, those of conditions
    /// apart.
    package var fields: Set<PayloadPath> {
        var fields: Set<PayloadPath> = []
        forEachNode { node in
            switch node {
            case .variable(.payload(let path)), .geoDistance(_, let path), .timeValue(let path):
                fields.insert(path)
            case .constant, .variable, .condition, .time, .sum, .product, .quotient, .power,
                .function, .decay:
                break
            }
        }
        return fields
    }

    /// The conditions in it.
    package var conditions: [Condition] {
        var conditions: [Condition] = []
        forEachNode { if case .condition(let condition) = $0 { conditions.append(condition) } }
        return conditions
    }

    /// Calls `body` with the expression and all in it.
    private func forEachNode(_ body: (Self) -> Void) {
        body(self)
        switch self {
        case .constant, .variable, .condition, .geoDistance, .time, .timeValue: break
        case .sum(let terms), .product(let terms): for term in terms { term.forEachNode(body) }
        case .quotient(let left, let right, _), .power(let left, let right):
            left.forEachNode(body)
            right.forEachNode(body)
        case .function(_, let argument): argument.forEachNode(body)
        case .decay(let decay):
            decay.x.forEachNode(body)
            decay.target?.forEachNode(body)
        }
    }
}
