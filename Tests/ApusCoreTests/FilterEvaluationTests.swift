import ApusCore
import TestSupport
import Testing

@Suite struct FilterEvaluationTests {
    @Test func booleansMatchBooleansOnly() {
        let isTrue = Filter(must: [.field(PayloadPath(key: "k"), .matchBool(true))])
        for (value, expected) in [
            (true, true), (false, false), (1, false), ("true", false), (nil, false), ([1], false),
            ([false, true], true), ([[true]], false),
        ] as [(JSONValue, Bool)] {
            #expect(isTrue.matches(id: 1, payload: ["k": value]) == expected, "\(value)")
        }
        let isOne = Filter(must: [.field(PayloadPath(key: "k"), .matchInteger(1))])
        #expect(!isOne.matches(id: 1, payload: ["k": true]))
    }

    @Test func aFilterWithoutConditionsMatchesEveryPoint() {
        #expect(Filter().matches(id: 7, payload: [:]))
        #expect(Filter(minShould: .init(conditions: [], count: 0)).matches(id: 7, payload: [:]))
        #expect(!Filter(minShould: .init(conditions: [], count: 1)).matches(id: 7, payload: [:]))
    }

    @Test func slicesSplitTheIdsIntoDisjointParts() {
        let ids =
            (0..<500).map { PointID.number($0) }
            + (0..<500).map { .uuid(UUIDBytes(high: $0, low: $0 &* 0x9e37)) }
        for id in ids {
            let slices = (0..<7).filter { index in
                Filter(must: [.slice(total: 7, index: index)]).matches(id: id, payload: [:])
            }
            #expect(slices.count == 1)
        }
        #expect(!Filter(must: [.slice(total: 0, index: 0)]).matches(id: 1, payload: [:]))
    }

    @Test func conditionsOnIdsAndVectorsAreFalseInsideNestedFilters() {
        let payload: Payload = ["n": [["x": 1]]]
        for inner in [Condition.hasID([1]), .hasVector(""), .slice(total: 1, index: 0)] {
            let nested = Filter(must: [.nested(PayloadPath(key: "n"), Filter(must: [inner]))])
            #expect(!nested.matches(id: 1, payload: payload, vectorNames: [""]))
        }
    }

    @Test func theTwoFormsOfAPayloadMatchAlike() throws {
        for seed in 0..<3000 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let payload = randomPayload(&random, depth: 3)
            var writer = ByteWriter()
            try writer.write(payload: payload)
            let bytes = writer.bytes
            for _ in 0..<5 {
                let filter = randomFilter(&random, depth: 2)
                let compiled = CompiledFilter(filter)
                let plain = compiled.matches(id: 1, payload: payload) { _ in true }
                let encoded = unsafe bytes.withUnsafeBytes { buffer in
                    compiled.matches(id: 1, payload: unsafe EncodedPayload(buffer)) { _ in true }
                }
                #expect(plain == encoded, "seed \(seed): \(filter) on \(payload)")
            }
        }
    }

    @Test func malformedPayloadBytesNeverTrap() throws {
        for seed in 0..<60 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var writer = ByteWriter()
            try writer.write(payload: ["a": randomValue(&random, depth: 3), "b": [1, ["x": "y"]]])
            for index in writer.bytes.indices {
                var bytes = writer.bytes
                bytes[index] ^= UInt8.random(in: 1...255, using: &random)
                let compiled = CompiledFilter(randomFilter(&random, depth: 2))
                for length in [bytes.count, index] {
                    unsafe bytes[..<length].withUnsafeBytes { buffer in
                        let payload = unsafe EncodedPayload(buffer)
                        _ = compiled.matches(id: 1, payload: payload) { _ in true }
                    }
                }
            }
        }
    }

    @Test func conditionsOnIDsNeedNoPayload() {
        let path = PayloadPath(key: "k")
        #expect(!CompiledFilter(Filter(must: [.hasID([1])])).needsPayload)
        #expect(
            CompiledFilter(Filter(should: [.filter(Filter(must: [.isNull(path)]))])).needsPayload)
    }

    private func randomFilter(_ random: inout SeededGenerator, depth: Int) -> Filter {
        var filter = Filter()
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let condition = randomCondition(&random, depth: depth)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: filter.must.append(condition)
            case 1: filter.should.append(condition)
            default: filter.mustNot.append(condition)
            }
        }
        return filter
    }

    private func randomCondition(_ random: inout SeededGenerator, depth: Int) -> Condition {
        let path = randomPath(&random)
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
        case 0: return .isEmpty(path)
        case 1: return .isNull(path)
        case 2, 3, 4, 5: return .field(path, randomPredicate(&random))
        case 6: return .nested(path, randomFilter(&random, depth: depth - 1))
        default: return .filter(randomFilter(&random, depth: depth - 1))
        }
    }

    private func randomPath(_ random: inout SeededGenerator) -> PayloadPath {
        var steps = [PayloadPath.Step.key(randomKey(&random))]
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1: steps.append(.everyElement)
            case 2: steps.append(.element(Int.random(in: 0...2, using: &random)))
            default: steps.append(.key(randomKey(&random)))
            }
        }
        return PayloadPath(steps: steps)
    }

    private func randomPredicate(_ random: inout SeededGenerator) -> FieldPredicate {
        let predicates: [FieldPredicate] = [
            .matchInteger(1), .matchInteger(.min), .matchBool(true), .matchKeyword("x"),
            .matchKeyword("naïve 語"), .matchAnyInteger([0, 1, -1]), .matchAnyKeyword(["x", "xy"]),
            .matchExceptInteger([1]), .matchExceptKeyword(["", "x"]), .matchText("NAÏVE"),
            .matchTextAny("xy q"), .matchPhrase("x"), .matchPrefix("x"),
            .range(NumericRange(lessThan: 1, greaterOrEqual: -2.5)),
            .valuesCount(NumericRange(greaterThan: 1)), .valuesCount(NumericRange(lessOrEqual: 1)),
            .datetimeRange(DatetimeRange(greaterThan: Timestamp(microseconds: 0))),
        ]
        return predicates.randomElement(using: &random) ?? .matchInteger(1)
    }
}
