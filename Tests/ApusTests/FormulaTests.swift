import Apus
import ApusQuery
import Testing

@Suite("Formulas") struct FormulaTests {
    private struct Subject: FormulaSubject {
        var scores: [Float?] = [0.5, nil, 2]
        var payload: Payload = [
            "n": 4, "half": 0.5, "text": "a", "flag": true, "one": [7], "many": [1, 2],
            "nothing": .null, "empty": [], "place": ["lon": 0, "lat": 1],
            "day": "1970-01-02T00:00:00Z",
        ]

        func score(in prefetch: Int) -> Float? {
            scores.indices.contains(prefetch) ? scores[prefetch] : nil
        }

        func values(at path: PayloadPath) -> [JSONValue] { payload.flattenedValues(at: path) }

        func satisfies(_ condition: Condition) -> Bool {
            Filter(must: [condition]).matches(id: 1, payload: payload)
        }
    }

    private func score(
        _ expression: Formula.Expression, _ defaults: [String: JSONValue] = [:]
    ) throws -> Float {
        var known: [Formula.Variable: JSONValue] = [:]
        for (name, value) in defaults { known[try #require(Formula.Variable(name))] = value }
        let formula = Formula(expression, defaults: known)
        try formula.validate()
        return try formula.score(of: Subject())
    }

    private func variable(_ name: String) throws -> Formula.Expression {
        .variable(try #require(Formula.Variable(name)))
    }

    @Test func namesMeanScoresAndPaths() {
        #expect(Formula.Variable("$score") == .score(0))
        #expect(Formula.Variable("$score[0]") == .score(0))
        #expect(Formula.Variable("$score[12]") == .score(12))
        for name in [
            "$score[", "$score[]", "$score[-1]", "$score[x]", "$score[1].a", "$scores", "",
        ] {
            #expect(Formula.Variable(name) == nil, "\(name)")
        }
        #expect(
            Formula.Variable("a.b[]")
                == .payload(PayloadPath(steps: [.key("a"), .key("b"), .everyElement])))
    }

    /// The point's own value goes first, then the default; a score without either is 0.
    @Test func defaultsStandForWhatIsMissing() throws {
        #expect(try score(variable("$score")) == 0.5)
        #expect(try score(variable("$score[1]")) == 0)
        #expect(try score(variable("$score[1]"), ["$score[1]": 3]) == 3)
        #expect(try score(variable("$score[9]"), ["$score[9]": -1]) == -1)
        #expect(try score(variable("$score[2]"), ["$score[2]": 3]) == 2)
        #expect(try score(variable("$score"), ["$score[0]": 3]) == 0.5)
        #expect(try score(variable("n"), ["n": 9]) == 4)
        #expect(try score(variable("missing"), ["missing": 9]) == 9)
        #expect(try score(variable("missing"), ["missing": [9]]) == 9)
        #expect(try score(variable("empty"), ["empty": 9]) == 9)
        #expect(try score(variable("one")) == 7)
    }

    @Test(arguments: ["missing", "empty", "text", "flag", "many", "nothing", "place"])
    func onlyOneNumberIsANumber(_ name: String) throws {
        let error = #expect(throws: DatabaseError.self) { try score(variable(name)) }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains(name) == true)
    }

    @Test func arithmetic() throws {
        let n = try variable("n")
        #expect(try score(.sum([n, .constant(1), .constant(-2.5)])) == 2.5)
        #expect(try score(.sum([])) == 0)
        #expect(try score(.product([n, .constant(0.5)])) == 2)
        #expect(try score(.product([])) == 1)
        #expect(try score(.quotient(n, .constant(8), byZero: nil)) == 0.5)
        #expect(try score(.power(n, .constant(-0.5))) == 0.5)
        #expect(try score(.power(.constant(-2), .constant(3))) == -8)
        #expect(try score(.function(.negation, n)) == -4)
        #expect(try score(.function(.absolute, .constant(-3))) == 3)
        #expect(try score(.function(.squareRoot, n)) == 2)
        #expect(try score(.function(.exponential, .constant(0))) == 1)
        #expect(try score(.function(.decimalLogarithm, .constant(1000))) == 3)
        #expect(try score(.function(.naturalLogarithm, .constant(1))) == 0)
    }

    @Test func aZeroEndsProductsAndQuotients() throws {
        let missing = try variable("missing")
        #expect(try score(.product([.constant(0), missing])) == 0)
        #expect(throws: DatabaseError.self) { try score(.product([missing, .constant(0)])) }
        #expect(try score(.quotient(.constant(0), missing, byZero: nil)) == 0)
        #expect(try score(.quotient(.constant(0), .constant(0), byZero: 5)) == 0)
        #expect(try score(.quotient(.constant(1), .constant(0), byZero: 5)) == 5)
    }

    @Test(
        arguments: [
            .quotient(.constant(1), .constant(0), byZero: nil),
            .power(.constant(0), .constant(-1)), .power(.constant(-1), .constant(0.5)),
            .power(.constant(1e300), .constant(2)), .function(.squareRoot, .constant(-1)),
            .function(.exponential, .constant(1000)), .function(.naturalLogarithm, .constant(0)),
            .function(.decimalLogarithm, .constant(-1)), .constant(1e39), .constant(.infinity),
        ] as [Formula.Expression])
    func whatIsNotFiniteIsAnError(_ expression: Formula.Expression) throws {
        let error = #expect(throws: DatabaseError.self) { try score(expression) }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains("non-finite") == true)
    }

    @Test func conditionsPlacesAndTimes() throws {
        #expect(try score(.condition(.hasID([1]))) == 1)
        #expect(try score(.condition(.isEmpty(PayloadPath(key: "n")))) == 0)
        let origin = GeoPoint(longitude: 0, latitude: 0)
        let place = PayloadPath(key: "place")
        #expect(abs(try score(.geoDistance(from: origin, to: place)) - 111_195) < 1)
        let elsewhere = PayloadPath(key: "elsewhere")
        #expect(
            try score(
                .geoDistance(from: origin, to: elsewhere),
                ["elsewhere": ["lon": 0, "lat": 0]]) == 0)
        #expect(try score(.timeValue(PayloadPath(key: "day"))) == 86_400)
        #expect(try score(.time(Timestamp(microseconds: 1_500_000))) == 1.5)
        #expect(
            try score(.timeValue(PayloadPath(key: "then")), ["then": "1970-01-01"]) == 0)
        for expression: Formula.Expression in [
            .geoDistance(from: origin, to: PayloadPath(key: "n")),
            .geoDistance(from: origin, to: elsewhere), .timeValue(PayloadPath(key: "text")),
            .timeValue(PayloadPath(key: "n")),
        ] {
            #expect(throws: DatabaseError.self) { try score(expression) }
        }
    }

    /// At the distance `scale` each shape has the value `midpoint`, and 1 at the target.
    @Test(arguments: Formula.Decay.Shape.allCases)
    func decaysMeetTheirMidpoint(_ shape: Formula.Decay.Shape) throws {
        for x in [3.0, 7] {
            let decay = Formula.Decay(
                shape, x: .constant(x), target: .constant(5), scale: 2, midpoint: 0.25)
            #expect(abs(try score(.decay(decay)) - 0.25) < 1e-6)
        }
        #expect(try score(.decay(Formula.Decay(shape, x: .constant(0)))) == 1)
        #expect(abs(try score(.decay(Formula.Decay(shape, x: .constant(-1)))) - 0.5) < 1e-6)
        #expect(try score(.decay(Formula.Decay(shape, x: .constant(1e9)))) == 0)
        for (scale, midpoint) in [(0, 0.5), (-1, 0.5), (1, 0), (1, 1)] as [(Double, Double)] {
            let wrong = Formula.Decay(shape, x: .constant(0), scale: scale, midpoint: midpoint)
            #expect(throws: DatabaseError.self) { try score(.decay(wrong)) }
        }
    }
}
