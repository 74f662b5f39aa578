import ApusCore
import Testing

/// Holds our filters and payload edits against what the wire API's own engine answered; see
/// Fixtures/filters/make_cases.py.
@Suite struct FilterOracleTests {
    @Test func filtersMatchThePointsThatTheEngineFound() throws {
        var count = 0
        for group in try FixtureJSON.read("filters/filters.json").elements {
            let points = try (group["points"]?.elements ?? []).map(FixturePoint.init)
            let schema = Self.schema(group)
            for test in group["cases"]?.elements ?? [] {
                let json = try #require(test["filter"])
                let filter = CompiledFilter(try FixtureFilter.filter(json), schema: schema)
                let expected = Set(test["ids"]?.elements.compactMap(\.pointID) ?? [])
                for point in points {
                    let matches = filter.matches(id: point.id, payload: point.payload) {
                        point.vectors.contains($0)
                    }
                    let matchesEncoded = point.withEncodedPayload { payload in
                        filter.matches(id: point.id, payload: payload) {
                            point.vectors.contains($0)
                        }
                    }
                    #expect(
                        matches == expected.contains(point.id),
                        "\(group["name"]?.text ?? ""): \(json) on \(point.payload)")
                    #expect(matchesEncoded == matches, "encoded: \(json) on \(point.payload)")
                    count += 1
                }
            }
        }
        #expect(count > 20_000)
    }

    private static func schema(_ group: JSONValue) -> [PayloadPath: PayloadFieldSchema] {
        guard let index = group["text_index"], let field = index["field"]?.text,
            let path = PayloadPath(field)
        else { return [:] }
        return [
            path: PayloadFieldSchema(type: .text, parameters: index["parameters"]?.members)
        ]
    }

    @Test func payloadEditsLeaveWhatTheEngineLeft() throws {
        let edits = try FixtureJSON.read("filters/edits.json")
        for test in try #require(edits["set"]).elements {
            var payload = test["before"]?.members ?? [:]
            let path = test["key"]?.text.flatMap { PayloadPath($0) }
            payload.merge(test["changes"]?.members ?? [:], at: path)
            #expect(JSONValue.object(payload) == test["after"], "\(test)")
        }
        for test in try #require(edits["delete"]).elements {
            var payload = test["before"]?.members ?? [:]
            for key in test["keys"]?.elements ?? [] {
                payload.removeValues(at: try #require(key.text.flatMap { PayloadPath($0) }))
            }
            #expect(JSONValue.object(payload) == test["after"], "\(test)")
        }
        let select = try #require(edits["select"])
        for test in select["cases"]?.elements ?? [] {
            let paths = (test["paths"]?.elements ?? []).compactMap { path in
                path.text.flatMap { PayloadPath($0) }
            }
            let selector: PayloadSelector =
                test["kind"]?.text == "include" ? .include(paths) : .exclude(paths)
            let selected = (select["payload"]?.members ?? [:]).selecting(selector)
            #expect(selected.map { .object($0) } == test["after"], "\(test)")
        }
    }
}

/// A point of a fixture, its payload in both forms.
private struct FixturePoint {
    let id: PointID
    let payload: Payload
    let vectors: Set<String>
    private let encoded: [UInt8]

    init(_ json: JSONValue) throws {
        id = try #require(json["id"]?.pointID)
        payload = json["payload"]?.members ?? [:]
        vectors = Set(json["vectors"]?.elements.compactMap(\.text) ?? [])
        var writer = ByteWriter()
        try writer.write(payload: payload)
        encoded = writer.bytes
    }

    func withEncodedPayload<Result>(_ body: (EncodedPayload) -> Result) -> Result {
        unsafe encoded.withUnsafeBytes { body(unsafe EncodedPayload($0)) }
    }
}
