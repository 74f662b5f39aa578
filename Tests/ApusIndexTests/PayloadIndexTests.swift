import ApusCore
import ApusIndex
import TestSupport
import Testing

/// Holds payload indexes against the slow, obviously right meaning of filters.
@Suite struct PayloadIndexTests {
    @Test(arguments: [0, 1, 63, 64, 200, 3000])
    func answersAreThoseOfTheFilter(count: Int) throws {
        let table = try IndexedTable(seed: 11 + UInt64(count), count: count)
        var random = SeededGenerator(seed: 12)
        var exact = 0
        var restricted = 0
        let tries = count > 1000 ? 150 : 600
        for _ in 0..<tries {
            let filter = RandomFilters.filter(&random)
            let expected = table.matches(filter)
            guard let found = try table.rows(filter) else { continue }
            restricted += 1
            let rows = Set((0..<count).filter { found.rows[$0] })
            if found.isExact {
                exact += 1
                #expect(rows == expected, "\(filter)")
            } else {
                #expect(rows.isSuperset(of: expected), "\(filter)")
            }
        }
        // Most filters are about indexed fields: a test of nothing would pass too.
        #expect(exact > tries / 10 && restricted > tries / 3)
    }

    @Test func everyPredicateOfItsTypeIsAnsweredExactly() throws {
        let table = try IndexedTable(seed: 3, count: 500)
        let word = PayloadPath(key: "word")
        let exact: [Condition] = [
            .field(word, .matchKeyword("ab")), .field(word, .matchAnyKeyword(["a", "é"])),
            .field(word, .matchPrefix("a")), .isEmpty(word), .isNull(word),
            .field(PayloadPath(key: "count"), .matchInteger(3)),
            .field(PayloadPath(key: "count"), .range(NumericRange(greaterThan: 1))),
            .field(PayloadPath(key: "size"), .range(NumericRange(lessOrEqual: 0))),
            .field(PayloadPath(key: "flag"), .matchBool(true)),
            .field(
                PayloadPath(key: "time"),
                .datetimeRange(DatetimeRange(greaterThan: Timestamp(microseconds: 0)))),
            .field(
                PayloadPath(key: "place"),
                .geoRadius(center: GeoPoint(longitude: 13, latitude: 52), metres: 60_000)),
            .field(PayloadPath(key: "text"), .matchText("ab")),
            .field(PayloadPath(key: "text"), .matchTextAny("ab zz")),
        ]
        for condition in exact {
            let filter = Filter(must: [condition])
            let found = try #require(try table.rows(filter))
            #expect(found.isExact, "\(condition)")
            #expect(found.rows.cardinality == table.matches(filter).count, "\(condition)")
            #expect(found.rows.cardinality > 0, "\(condition)")
        }
    }

    /// A set of more than a 32nd of the rows is a bitmap, a smaller one a list.
    @Test(arguments: [1, 31, 32, 33, 64, 65, 1000])
    func setsOfAnySizeComeBack(count: Int) throws {
        let field = PayloadPath(key: "n")
        let schema = PayloadFieldSchema(type: .integer)
        var builder = PayloadIndexBuilder(field, schema, rowCount: 2000)
        for row in 0..<2000 {
            var writer = ByteWriter()
            try writer.write(payload: ["n": .integer(row % 2 == 1 && row / 2 < count ? 1 : 0)])
            unsafe writer.bytes.withUnsafeBytes { builder.add(unsafe EncodedPayload($0), at: row) }
        }
        let index = try PayloadIndex(copying: builder.encoded(), of: field, schema)
        let found = try #require(index.rows(.matchInteger(1)))
        var rows: [Int] = []
        found.rows.forEach { rows.append($0) }
        #expect(rows == (0..<count).map { 2 * $0 + 1 })
    }

    @Test func bytesThatEndEarlyAreRefused() throws {
        let table = try IndexedTable(seed: 4, count: 90)
        for (field, schema) in RandomFilters.fields {
            let bytes = table.bytes(field, schema)
            for end in stride(from: 0, to: bytes.count, by: 7) {
                #expect(throws: MalformedBytes.self) {
                    try PayloadIndex(copying: Array(bytes[..<end]), of: field, schema)
                }
            }
        }
    }

    /// Changed bytes are refused, or are an index of something else: what it answers stays within
    /// its rows.
    @Test func changedBytesNeverTrap() throws {
        let table = try IndexedTable(seed: 5, count: 90)
        var random = SeededGenerator(seed: 6)
        var refused = 0
        for (field, schema) in RandomFilters.fields.sorted(by: {
            $0.key.description < $1.key.description
        }) {
            let bytes = table.bytes(field, schema)
            for _ in 0..<400 {
                var changed = bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let place = Int.random(in: 0..<changed.count, using: &random)
                    changed[place] = UInt8.random(in: 0...255, using: &random)
                }
                guard let index = try? PayloadIndex(copying: changed, of: field, schema) else {
                    refused += 1
                    continue
                }
                let indexed = IndexedFilter(rowCount: index.rowCount, rowsOfIDs: { _ in [] }) {
                    $0 == field ? index : nil
                }
                for _ in 0..<20 {
                    let filter = RandomFilters.filter(&random)
                    _ = try indexed.rows(filter)
                    _ = try indexed.estimate(filter)
                }
            }
        }
        #expect(refused > 500)
    }

    @Test func anIndexOfANewerVersionIsNotDamage() throws {
        let table = try IndexedTable(seed: 7, count: 10)
        let field = PayloadPath(key: "word")
        var bytes = table.bytes(field, PayloadFieldSchema(type: .keyword))
        bytes[4] = 2
        let error = #expect(throws: MalformedBytes.self) {
            try PayloadIndex(copying: bytes, of: field, PayloadFieldSchema(type: .keyword))
        }
        #expect(error?.isNewerFormat == true)
    }
}
