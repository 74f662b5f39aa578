package import ApusCore
package import ApusProto

extension Formula {
    /// The decoder bounds how deep messages nest, and with it the depth of expressions.
    package init(_ message: Qdrant_Formula) throws(DatabaseError) {
        var defaults: [Variable: JSONValue] = [:]
        for (name, value) in message.defaults {
            defaults[try Variable(name: name)] = JSONValue(value)
        }
        self.init(try Expression(message.expression), defaults: defaults)
    }
}

extension Formula.Variable {
    fileprivate init(name: String) throws(DatabaseError) {
        guard let variable = Self(name) else {
            throw .wrongInput("Invalid variable in a formula: '\(name)'")
        }
        self = variable
    }
}

extension Formula.Expression {
    fileprivate init(_ message: Qdrant_Expression) throws(DatabaseError) {
        switch message.variant {
        case .constant(let value): self = .constant(Double(value))
        case .variable(let name): self = .variable(try Formula.Variable(name: name))
        case .condition(let condition): self = .condition(try Condition(condition))
        case .geoDistance(let distance):
            self = .geoDistance(
                from: try GeoPoint(distance.origin),
                to: try PayloadPath(text: distance.to, field: "geo_distance"))
        case .datetime(let text):
            guard let time = Timestamp(rfc3339: text) else {
                throw .wrongInput("A formula has the time '\(text)', which is no RFC 3339 time")
            }
            self = .time(time)
        case .datetimeKey(let path):
            self = .timeValue(try PayloadPath(text: path, field: "datetime_key"))
        case .mult(let mult): self = .product(try Self.expressions(mult.mult))
        case .sum(let sum): self = .sum(try Self.expressions(sum.sum))
        case .div(let div):
            self = .quotient(
                try Self(div.left), try Self(div.right),
                byZero: div.hasByZeroDefault ? Double(div.byZeroDefault) : nil)
        case .pow(let pow): self = .power(try Self(pow.base), try Self(pow.exponent))
        case .neg(let argument): self = .function(.negation, try Self(argument))
        case .abs(let argument): self = .function(.absolute, try Self(argument))
        case .sqrt(let argument): self = .function(.squareRoot, try Self(argument))
        case .exp(let argument): self = .function(.exponential, try Self(argument))
        case .log10(let argument): self = .function(.decimalLogarithm, try Self(argument))
        case .ln(let argument): self = .function(.naturalLogarithm, try Self(argument))
        case .expDecay(let decay): self = .decay(try Formula.Decay(.exponential, decay))
        case .gaussDecay(let decay): self = .decay(try Formula.Decay(.gaussian, decay))
        case .linDecay(let decay): self = .decay(try Formula.Decay(.linear, decay))
        case nil: throw .wrongInput("An expression of a formula is missing")
        }
    }

    private static func expressions(
        _ messages: [Qdrant_Expression]
    ) throws(DatabaseError) -> [Formula.Expression] {
        try messages.map { message throws(DatabaseError) in try Formula.Expression(message) }
    }
}

extension Formula.Decay {
    fileprivate init(
        _ shape: Shape, _ message: Qdrant_DecayParamsExpression
    ) throws(DatabaseError) {
        self.init(
            shape, x: try Formula.Expression(message.x),
            target: message.hasTarget ? try Formula.Expression(message.target) : nil,
            scale: message.hasScale ? Double(message.scale) : 1,
            midpoint: message.hasMidpoint ? Double(message.midpoint) : 0.5)
    }
}
