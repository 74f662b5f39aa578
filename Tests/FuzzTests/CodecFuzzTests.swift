import Apus
import ApusCore
import TestSupport
import Testing

/// The codecs of batches, payloads and vectors, and the texts that ApusCore parses.
@Suite("Fuzzing codecs") struct CodecFuzzTests {
    @Test("Payloads") func payload() async throws {
        try await fuzz(
            FuzzTarget(
                name: "payload",
                samples: {
                    try Self.payloads.enumerated().map { number, payload in
                        var writer = ByteWriter()
                        try writer.write(payload: payload)
                        return FuzzInput(name: "payload~\(number)", bytes: writer.bytes)
                    }
                },
                run: { input in
                    _ = Self.matches(input.bytes)
                    return try refusing(with: MalformedBytes.self) {
                        let payload = try decoding(input.bytes) {
                            (reader) throws(MalformedBytes) in try reader.readPayload()
                        }
                        var writer = ByteWriter()
                        try writer.write(payload: payload)
                        let again = try decoding(writer.bytes) {
                            (reader) throws(MalformedBytes) in try reader.readPayload()
                        }
                        var second = ByteWriter()
                        try second.write(payload: again)
                        // Bytes, not values: NaN is no equal of itself.
                        try expect(second.bytes == writer.bytes, "another payload comes back")
                        let matches = Self.filters.map { filter in
                            filter.matches(id: 7, payload: payload) { _ in false }
                        }
                        try expect(
                            matches == Self.matches(writer.bytes),
                            "filters see another payload in the bytes than in the value")
                    }
                }))
    }

    /// Filters look at encoded payloads without decoding them.
    private static func matches(_ bytes: [UInt8]) -> [Bool] {
        unsafe bytes.withUnsafeBytes { buffer in
            let view = unsafe EncodedPayload(buffer)
            return filters.map { $0.matches(id: 7, payload: view) { _ in false } }
        }
    }

    private static let filters: [CompiledFilter] = {
        let predicates: [(String, FieldPredicate)] = [
            ("a.b", .matchKeyword("x")), ("list[].x", .matchInteger(3)), ("t", .matchText("der")),
            ("list[]", .valuesCount(NumericRange(greaterThan: 1))),
            ("n", .range(NumericRange(lessThan: 5))),
            ("when", .datetimeRange(DatetimeRange(greaterThan: Timestamp(microseconds: 0)))),
            ("geo", .geoRadius(center: GeoPoint(longitude: 1, latitude: 2), metres: 5_000_000)),
        ]
        var conditions = predicates.compactMap { path, predicate in
            PayloadPath(path).map { Condition.field($0, predicate) }
        }
        if let list = PayloadPath("list"), let key = PayloadPath("x") {
            conditions += [
                .isEmpty(list), .isNull(list), .nested(list, Filter(must: [.isNull(key)])),
            ]
        }
        return conditions.map { CompiledFilter(Filter(must: [$0])) }
    }()

    static let payloads: [Payload] = [
        [:],
        [
            "a": ["b": "x", "c": 3], "list": [["x": 1], ["x": [2, 3.5]], "x", nil],
            "t": "Text der Texte", "when": "2024-02-29T23:59:60.5+01:00",
            "geo": ["lon": 1.5, "lat": -2.25],
        ],
        ["n": .integer(.min), "m": .integer(.max), "d": .double(-0.0), "e": [], "o": [:]],
        ["deep": [[[[[[[["bottom"]]]]]]]]],
    ]

    @Test("Batches") func batch() async throws {
        try await fuzz(
            FuzzTarget(
                name: "batch", samples: { try Self.batches() },
                run: { input in
                    try refusing(with: MalformedBytes.self) {
                        let batch = try Self.decodedBatch(input.bytes)
                        let again = try Self.decodedBatch(batch.encoded())
                        try expect(
                            Self.content(of: again) == Self.content(of: batch)
                                && again.time == batch.time,
                            "another batch comes back")
                    }
                }))
    }

    /// Bits, not floats: NaN is no equal of itself.
    private static func content(of batch: WriteBatch) -> [[AnyHashable]] {
        batch.effects.map { effect in
            switch effect {
            case .put(let point):
                let dense = point.dense.mapValues { $0.map(\.bitPattern) }
                return [point.id, dense, point.payload, point.extras]
            case .delete(let id): return [id]
            }
        }
    }

    private static func decodedBatch(_ bytes: [UInt8]) throws(MalformedBytes) -> WriteBatch {
        try decoding(bytes) { (reader) throws(MalformedBytes) in try WriteBatch(decoding: &reader) }
    }

    static let vectors: [String: Vector] = [
        "words": .sparse(SparseVector(indices: [1, 7, .max], values: [1, -2, 0.5])),
        "tokens": .multi([[1, 2, 3], [4, 5, 6]]), "none": .multi([]),
    ]

    private static func batches() throws -> [FuzzInput] {
        var writer = ByteWriter()
        try writer.write(payload: payloads[1])
        let point = StoredPoint(
            id: .number(300), dense: ["": [1, 2, 3], "other": [0.5]], payload: writer.bytes,
            others: vectors)
        let uuid = PointID.uuid(UUIDBytes(high: 1, low: 2))
        let plain = StoredPoint(id: uuid, dense: ["": [1, 2, 3]], payload: [0], others: [:])
        let batches = [
            WriteBatch(effects: [.put(point), .delete(.number(7)), .put(plain)], time: 1_700_000),
            WriteBatch(effects: [.delete(uuid)], time: .max), WriteBatch(effects: [], time: 0),
            WriteBatch(
                effects: [.delete(uuid)], time: 1,
                positions: SourcePositions(["pipeline/a": [1, 2, 3], "b": []])),
        ]
        return batches.enumerated().map { number, batch in
            FuzzInput(name: "batch~\(number)", bytes: batch.encoded())
        } + [FuzzInput(name: "batch~format1", bytes: [1, 0, 1, 2, 0, 7])]
    }

    @Test("Sparse and multi vectors of a row") func extras() async throws {
        try await fuzz(
            FuzzTarget(
                name: "extras",
                samples: {
                    [FuzzInput(name: "extras~0", bytes: RowExtras.encode(Self.vectors))]
                        + Self.vectors.map { name, vector in
                            FuzzInput(
                                name: "extras~\(name)", bytes: RowExtras.encode([name: vector]))
                        }
                },
                run: { input in
                    try refusing(with: MalformedBytes.self) {
                        let encoded = RowExtras.encode(try RowExtras.decode(input.bytes))
                        let again = RowExtras.encode(try RowExtras.decode(encoded))
                        try expect(again == encoded, "other vectors come back")
                    }
                }))
    }

    @Test("Texts: timestamps, payload paths, ids") func texts() async throws {
        let samples = [
            "timestamp~0": "2024-02-29T23:59:60.123456+01:00", "timestamp~1": "1970-01-01",
            "timestamp~2": "9999-12-31 23:59:59Z", "path~0": "a.b[].c", "path~1": "a[0].\"b.c\"",
            "path~2": "list[]", "id~0": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "id~1": "f47ac10b58cc4372a5670e02b2c3d479",
        ]
        try await fuzz(
            FuzzTarget(
                name: "texts",
                tokens: [
                    "[]", ".", "\"", "\\", "[9]", "[99999999999999999999]", "T", "Z", "-",
                    "+14:00", "0000", "é", "\u{0}",
                ],
                samples: { samples.map { FuzzInput(name: $0, bytes: Array($1.utf8)) } },
                run: { input in try Self.parse(input) }))
    }

    private static func parse(_ input: FuzzInput) throws -> FuzzOutcome {
        let text = String(decoding: input.bytes, as: UTF8.self)
        switch input.purpose {
        case "timestamp":
            guard let time = Timestamp(rfc3339: text) else { return .refused }
            // An offset can lead out of the years that have four figures, which text cannot say.
            let year = time.description.prefix { $0 != "-" }
            guard year.count == 4 else { return .accepted }
            try expect(
                Timestamp(rfc3339: time.description) == time, "\(text) becomes \(time) and another")
        case "path":
            guard let path = PayloadPath(text) else { return .refused }
            try expect(
                PayloadPath(path.description) == path, "\(text) becomes \(path) and another")
        default:
            guard let uuid = UUIDBytes(text) else { return .refused }
            try expect(UUIDBytes(uuid.description) == uuid, "\(text) becomes \(uuid) and another")
        }
        return .accepted
    }
}
