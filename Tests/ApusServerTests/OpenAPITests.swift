import ApusCore
import ApusServer
import Testing

/// The description of the REST interface is that of the routes. That it is OpenAPI, and that answers
/// are as it says, `test_openapi.py` and schemathesis find out.
@Suite struct OpenAPITests {
    private struct Operation: Hashable, Comparable, CustomStringConvertible {
        var method: String
        var template: String
        var description: String { "\(method) \(template)" }

        static func < (left: Operation, right: Operation) -> Bool {
            left.description < right.description
        }
    }

    @Test func everyRouteIsDescribedAndNothingElse() throws {
        let routes = Set(
            try RESTHarness().service.routeOperations.map {
                Operation(method: $0.method, template: $0.template)
            })
        let described = Set(
            OpenAPIDocument.described.map { Operation(method: $0.method, template: $0.template) })
        #expect(routes.subtracting(described).sorted() == [])
        #expect(described.subtracting(routes).sorted() == [])
    }

    @Test func everyReferenceHasAnEndAndEverySchemaIsUsed() async throws {
        let rest = try RESTHarness()
        let reply = await rest("GET", "/openapi.json")
        #expect(reply.status == 200)
        guard case .object(let document)? = reply.json,
            case .object(let components)? = document["components"],
            case .object(let schemas)? = components["schemas"]
        else {
            Issue.record("no document with schemas: \(reply.text.prefix(100))")
            return
        }
        let prefix = "#/components/schemas/"
        let used = Set(
            references(in: .object(document)).filter { $0.hasPrefix(prefix) }
                .map { String($0.dropFirst(prefix.count)) })
        #expect(used.subtracting(schemas.keys).sorted() == [])
        #expect(Set(schemas.keys).subtracting(used).sorted() == [])
    }

    @Test func theNotationSaysWhatJSONSchemaSays() {
        let notation = SchemaNotation(
            """
            Point closed  // One point.
              id! integer(0..) | string<uuid>
              vector [number](1..)?  // Its place.
            Kind = "a" | "b"
            Names = {Point}
            """)
        let expected: [String: JSONValue] = [
            "Point": [
                "type": "object", "description": "One point.", "additionalProperties": false,
                "required": ["id"],
                "properties": [
                    "id": [
                        "anyOf": [
                            ["type": "integer", "minimum": 0],
                            ["type": "string", "format": "uuid"],
                        ]
                    ],
                    "vector": [
                        "type": ["array", "null"], "items": ["type": "number"], "minItems": 1,
                        "description": "Its place.",
                    ],
                ],
            ],
            "Kind": ["type": "string", "enum": ["a", "b"]],
            "Names": [
                "type": "object",
                "additionalProperties": ["$ref": "#/components/schemas/Point"],
            ],
        ]
        #expect(notation.schemas == expected)
    }

    private func references(in value: JSONValue) -> [String] {
        switch value {
        case .object(let members):
            members.flatMap { key, value -> [String] in
                if key == "$ref", case .string(let target) = value { return [target] }
                return references(in: value)
            }
        case .array(let elements): elements.flatMap(references)
        case .null, .bool, .integer, .double, .string: []
        }
    }
}
