import ApusCore
import ApusIndex
import TestSupport
import Testing

/// What is said of a filter before its rows are looked at holds of them.
@Suite struct FilterEstimateTests {
    @Test(arguments: [0, 1, 64, 200, 3000])
    func boundsHoldForEveryFilter(count: Int) throws {
        let table = try IndexedTable(seed: 21 + UInt64(count), count: count)
        var random = SeededGenerator(seed: 22)
        var (narrow, known) = (0, 0)
        let tries = count > 1000 ? 200 : 800
        for _ in 0..<tries {
            let filter = RandomFilters.filter(&random)
            let estimate = try table.estimate(filter)
            let matching = estimate.matching
            let matchCount = table.matches(filter).count
            #expect((matching.min...matching.max).contains(matchCount), "\(filter)")
            #expect(
                Double(matching.min) <= matching.expected
                    && matching.expected <= Double(matching.max), "\(filter)")
            if matching.max - matching.min < count { narrow += 1 }
            if matching.max == matching.min { known += 1 }
            // What indexes are said to answer, they answer.
            if estimate.isExact { #expect(try table.rows(filter)?.isExact == true, "\(filter)") }
        }
        #expect(narrow > tries / 3 || count == 0)
        #expect(known > tries / 20)
    }

    /// An index knows how long its lists are.
    @Test func valuesThatRowsHaveOnceAreCounted() throws {
        let field = PayloadPath(key: "n")
        let schema = PayloadFieldSchema(type: .integer)
        let count = 5000
        var builder = PayloadIndexBuilder(field, schema, rowCount: count)
        for row in 0..<count {
            var writer = ByteWriter()
            try writer.write(payload: ["n": .integer(Int64(row % 100))])
            unsafe writer.bytes.withUnsafeBytes { builder.add(unsafe EncodedPayload($0), at: row) }
        }
        let index = try PayloadIndex(copying: builder.encoded(), of: field, schema)
        let expectations: [(FieldPredicate, Int)] = [
            (.matchInteger(7), 50), (.matchInteger(100), 0),
            (.matchAnyInteger([1, 2, 300]), 100), (.matchExceptInteger([1, 2]), 4900),
            (.range(NumericRange(greaterOrEqual: 90)), 500),
            (.range(NumericRange(lessThan: 12, greaterThan: 10)), 50),
            (.range(NumericRange(lessThan: 10, greaterThan: 12)), 0),
        ]
        for (predicate, expected) in expectations {
            let estimate = try #require(index.estimate(predicate))
            #expect(estimate.matching == .exactly(expected), "\(predicate)")
            #expect(estimate.isExact && estimate.rowsToRead == 0)
        }
        #expect(index.estimate(.matchBool(true)) == nil)
        #expect(index.emptyCount == 0 && index.nullCount == 0)
    }

    /// Conditions that have nothing to do with each other: the estimate is near the truth.
    @Test func independentConditionsAreEstimatedWell() throws {
        var random = SeededGenerator(seed: 23)
        let count = 20_000
        let (place, word) = (PayloadPath(key: "place"), PayloadPath(key: "word"))
        let fields = [
            place: PayloadFieldSchema(type: .geo), word: PayloadFieldSchema(type: .keyword),
        ]
        let payloads: [Payload] = (0..<count).map { _ in
            [
                "word": .string("w\(Int.random(in: 0..<5, using: &random))"),
                "place": .object([
                    "lon": .double(.random(in: 0...10, using: &random)),
                    "lat": .double(.random(in: 0...10, using: &random)),
                ]),
            ]
        }
        let table = try IndexedTable(payloads, fields: fields)
        let box = Condition.field(
            place,
            .geoBoundingBox(
                topLeft: GeoPoint(longitude: 2, latitude: 8),
                bottomRight: GeoPoint(longitude: 7, latitude: 3)))
        let filters = [
            Filter(must: [box]),
            Filter(must: [box, .field(word, .matchKeyword("w1"))]),
            Filter(must: [box], mustNot: [.field(word, .matchAnyKeyword(["w1", "w2"]))]),
            Filter(should: [.field(word, .matchKeyword("w1")), box]),
            Filter(
                minShould: Filter.MinShould(
                    conditions: [
                        box, .field(word, .matchKeyword("w3")),
                        .field(word, .matchPrefix("w")),
                    ], count: 2)),
        ]
        for filter in filters {
            let found = Double(table.matches(filter).count)
            let expected = try table.estimate(filter).matching.expected
            #expect(abs(expected - found) < 0.1 * found, "\(filter): \(expected), \(found)")
        }
    }

    @Test func membershipsBoundRows() {
        let half = Cardinality.exactly(50)
        let all = Cardinality.inAtLeast(2, of: [half, half], among: 100)
        #expect((all.min, all.expected, all.max) == (0, 25, 50))
        let most = Cardinality.inAtLeast(
            2, of: [.exactly(90), .exactly(80), .exactly(90)], among: 100)
        // 260 memberships: 100 rows have one, 160 are left for two more each.
        #expect(most.min == 80 && most.max == 100)
        #expect(Cardinality.inAtLeast(3, of: [half, half], among: 100) == .exactly(0))
        #expect(Cardinality.inAtLeast(0, of: [], among: 100) == .exactly(100))
        let many = [Cardinality](repeating: .exactly(1), count: 100_000)
        #expect(Cardinality.inAtLeast(50_000, of: many, among: 10).expected <= 10)
    }
}
