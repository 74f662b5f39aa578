package import ApusCore

/// The REST interface as OpenAPI 3.1 describes it.
///
/// Which operations there are comes from the route table; what each takes and answers is written in
/// `OpenAPIOperations`, and the schemas in `OpenAPISchemas`. A test sees to it that every route is
/// described, and nothing else.
package enum OpenAPIDocument {
    package static func json(_ routes: [(method: String, template: String, isOpen: Bool)])
        -> JSONValue
    {
        var paths: [String: Payload] = [:]
        for route in routes {
            let operation = operations[OperationKey(route.method, route.template)]
            paths[route.template, default: [:]][route.method.lowercased()] = .object(
                operation?.json(isOpen: route.isOpen) ?? [:])
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Apus", "version": .string(ServerVersion.current.apus),
                "description": .string(introduction),
            ],
            "tags": .array(tags.map { ["name": .string($0)] }),
            "paths": .object(paths.mapValues(JSONValue.object)),
            "components": components,
            "security": [["key": []], ["bearer": []]],
        ]
    }

    /// Operations that are described, in alphabetical order of their paths.
    package static var described: [(method: String, template: String)] {
        operations.keys.map { (method: $0.method, template: $0.template) }.sorted {
            ($0.template, $0.method) < ($1.template, $1.method)
        }
    }

    private static let introduction = """
        Apus speaks the public REST interface of Qdrant, level \(ServerVersion.current.interface); \
        what it adds to it is under /apus/v1 and in members and headers that others pass over. \
        An answer is `{"result", "status": "ok", "time"}`, an error \
        `{"status": {"error"}, "time"}`.
        """

    struct OperationKey: Hashable {
        let method: String
        let template: String

        init(_ method: String, _ template: String) {
            self.method = method
            self.template = template
        }
    }

    private static let (operations, tags) = OpenAPIOperation.read(openAPIOperations)

    private static let components: JSONValue = {
        let notation = SchemaNotation(
            [
                openAPICollectionSchemas, openAPIPointSchemas, openAPIQuerySchemas,
                openAPIFilterSchemas, openAPIAnswerSchemas,
            ].joined(separator: "\n"))
        return [
            "schemas": .object(notation.schemas),
            "responses": [
                "Error": [
                    "description": .string(errorStatuses),
                    "content": [
                        "application/json": ["schema": ["$ref": "#/components/schemas/Failure"]]
                    ],
                ]
            ],
            "securitySchemes": [
                "key": ["type": "apiKey", "in": "header", "name": "api-key"],
                "bearer": [
                    "type": "http", "scheme": "bearer",
                    "description": "An API key, or a JSON Web Token.",
                ],
            ],
        ]
    }()

    private static let errorStatuses = """
        400: not what the interface describes; 401: no or a wrong credential; 403: the caller may not \
        do this; 404: no such path, collection, point or snapshot; 405: another method; 408: not \
        answered in time; 409: the collection exists, or has vectors of another model; \
        410: the version is not kept any more; 422: a \
        value out of its range; 429: overloaded, or a rate of strict mode; 500: our fault, or damage \
        on disk; 501: a part of the interface that this server does not have; 503: not accepting \
        this at the moment; 507: disk or memory is full.
        """
}

/// What one operation takes and answers.
struct OpenAPIOperation {
    private enum Body {
        case none
        case json(JSONValue)
        /// A file in the field `snapshot` of a form.
        case form
        /// Values of JSON, a line each.
        case lines
    }

    private enum Answer {
        /// In the envelope.
        case result(JSONValue)
        case bare(JSONValue)
        case text
        case file
        case lines
    }

    private let method: String
    private let template: String
    private let tag: String
    private let summary: String
    private let parameters: [String]
    private let body: Body
    private let answer: Answer
    /// Without waiting it may answer that the work has begun.
    private let mayBeLater: Bool

    /// Reads operations, two lines each, under the name of their tag:
    ///
    ///     # Points
    ///     PUT /collections/{collection}/points (wait ordering) UpsertPoints -> UpdateResult
    ///       Writes points.
    ///
    /// In brackets are parameters of the query and headers, then comes the body if there is one, and
    /// behind the arrow the result: `bare T` is not in the envelope, `text` and `file` are no JSON,
    /// `later` at the end says that it may be 202.
    static func read(_ text: String) -> ([OpenAPIDocument.OperationKey: OpenAPIOperation], [String])
    {
        var operations: [OpenAPIDocument.OperationKey: OpenAPIOperation] = [:]
        var tags: [String] = []
        var line: Substring?
        for next in text.split(separator: "\n") {
            if next.hasPrefix("# ") {
                tags.append(String(next.dropFirst(2)))
            } else if let first = line {
                let operation = OpenAPIOperation(
                    first, summary: next.drop { $0 == " " }, tag: tags[tags.count - 1])
                operations[.init(operation.method, operation.template)] = operation
                line = nil
            } else {
                line = next
            }
        }
        return (operations, tags)
    }

    private init(_ line: Substring, summary: Substring, tag: String) {
        guard let arrow = line.firstRange(of: " -> ") else { preconditionFailure("\(line)") }
        let head = line[..<arrow.lowerBound].split(separator: " ", maxSplits: 2)
        method = String(head[0])
        template = String(head[1])
        self.tag = tag
        self.summary = String(summary)
        var rest = head.count > 2 ? head[2] : ""
        if rest.hasPrefix("("), let end = rest.firstIndex(of: ")") {
            parameters = rest[..<end].dropFirst().split(separator: " ").map(String.init)
            rest = rest[end...].dropFirst().drop { $0 == " " }
        } else {
            parameters = []
        }
        body =
            rest.isEmpty
            ? .none
            : rest == "form" ? .form : rest == "lines" ? .lines : .json(SchemaNotation.type(rest))
        var result = line[arrow.upperBound...]
        mayBeLater = result.hasSuffix(" later")
        if mayBeLater { result = result.dropLast(" later".count) }
        answer =
            switch result {
            case "text": .text
            case "file": .file
            case "lines": .lines
            case _ where result.hasPrefix("bare "):
                .bare(SchemaNotation.type(result.dropFirst("bare ".count)))
            default: .result(SchemaNotation.type(result))
            }
    }

    func json(isOpen: Bool) -> Payload {
        var operation: Payload = [
            "operationId": .string(name), "tags": [.string(tag)], "summary": .string(summary),
            "parameters": .array(pathParameters + parameters.map(Self.parameter)),
        ]
        var responses: Payload = [
            "200": content(answer), "default": ["$ref": "#/components/responses/Error"],
        ]
        if mayBeLater { responses["202"] = content(.bare(Self.reference("Accepted"))) }
        operation["responses"] = .object(responses)
        if isOpen { operation["security"] = [] }
        switch body {
        case .none: break
        case .json(let schema):
            operation["requestBody"] = [
                "required": true, "content": ["application/json": ["schema": schema]],
            ]
        case .lines:
            operation["requestBody"] = [
                "required": true,
                "content": ["application/x-ndjson": ["schema": ["type": "string"]]],
            ]
        case .form:
            operation["requestBody"] = [
                "required": true,
                "content": [
                    "multipart/form-data": [
                        "schema": [
                            "type": "object", "required": ["snapshot"],
                            "properties": ["snapshot": ["type": "string", "format": "binary"]],
                        ]
                    ]
                ],
            ]
        }
        return operation
    }

    /// `post_collections_collection_points_query`.
    private var name: String {
        method.lowercased()
            + template.split { !$0.isLetter && !$0.isNumber }.map { "_\($0)" }.joined()
    }

    private var pathParameters: [JSONValue] {
        template.split(separator: "/").filter { $0.hasPrefix("{") }.map { part in
            let name = part.dropFirst().dropLast()
            let schema: JSONValue =
                switch name {
                case "id": Self.reference("PointID")
                case "shard", "peer": ["type": "integer", "minimum": 0]
                default: ["type": "string", "minLength": 1]
                }
            return [
                "name": .string(String(name)), "in": "path", "required": true, "schema": schema,
            ]
        }
    }

    private func content(_ answer: Answer) -> JSONValue {
        let (type, schema): (String, JSONValue) =
            switch answer {
            case .text: ("text/plain", ["type": "string"])
            case .lines: ("application/x-ndjson", ["type": "string"])
            case .file: ("application/octet-stream", ["type": "string", "format": "binary"])
            case .bare(let schema): ("application/json", schema)
            case .result(let schema):
                (
                    "application/json",
                    [
                        "type": "object", "required": ["result", "status", "time"],
                        "properties": [
                            "result": schema, "status": ["const": "ok"],
                            "time": ["type": "number", "description": "Seconds."],
                            "usage": [:],
                        ],
                    ]
                )
            }
        return [
            "description": mayBeLater && type == "application/json" ? "Done, or begun." : "Done.",
            "content": [type: ["schema": schema]],
        ]
    }

    private static func reference(_ name: String) -> JSONValue {
        ["$ref": .string("#/components/schemas/\(name)")]
    }

    /// The parameters that operations share, and what they mean.
    private static func parameter(_ name: String) -> JSONValue {
        let (place, wireName, type, description): (String, String, Substring, String) =
            switch name {
            case "wait":
                ("query", name, "boolean", "Answer once the work is done, not once it has begun.")
            case "timeout":
                ("query", name, "integer(1..)", "Seconds that a read may take, at least.")
            case "ordering":
                ("query", name, "\"weak\" | \"medium\" | \"strong\"", "Without effect on one node.")
            case "consistency":
                (
                    "query", name,
                    "integer(1..) | \"majority\" | \"quorum\" | \"all\"",
                    "Without effect on one node."
                )
            case "compare":
                ("query", name, "boolean", "Carry out what was not chosen as well, and compare.")
            case "after":
                ("query", name, "integer(0..)", "The last version that the reader has.")
            case "log":
                ("query", name, "string", "The history that this is a version of.")
            case "follow":
                ("query", name, "boolean", "Go on with changes to come.")
            case "if_empty":
                ("query", name, "boolean", "Only models of fields that have no vectors yet.")
            case "model":
                (
                    "header", "apus-model", "string",
                    "The models of the vectors: `id`, `id@version`, or `field=id@version,…`."
                )
            case "source":
                ("query", name, "string", "Whose points these are.")
            case "pipeline":
                ("query", name, "string", "The pipeline that this is of, instead of a source.")
            case "checksum":
                ("query", name, "string", "SHA-256 of the archive, in hexadecimal.")
            case "priority":
                (
                    "query", name, "\"no_sync\" | \"snapshot\" | \"replica\"",
                    "Without effect on one node."
                )
            case "version":
                (
                    "header", "apus-version", "string",
                    "The version to read: `pin`, or a number that an earlier answer told."
                )
            case "at_least":
                ("query", name, "integer(0..)", "The version to wait for.")
            case "wait_seconds":
                (
                    "query", name, "number(0..300)",
                    "How long to wait for it; 10 when it is not said."
                )
            case "least":
                (
                    "header", "apus-version-at-least", "integer(0..)",
                    "The version that a read waits for."
                )
            case "patience":
                (
                    "header", "apus-wait-seconds", "number(0..300)",
                    "How long it waits; 10 when it is not said."
                )
            case "recall":
                (
                    "header", "apus-target-recall", "number(0..1)",
                    "The share of the true nearest points that a search shall find."
                )
            case "time":
                (
                    "header", "apus-time-budget-ms", "number(0..)",
                    "Milliseconds that the searches shall take, by what they are estimated to."
                )
            case "memory":
                (
                    "header", "apus-memory-budget-bytes", "integer(1..)",
                    "Bytes that rankings and the answer's points may take."
                )
            default: preconditionFailure("a parameter: \(name)")
            }
        return [
            "name": .string(wireName), "in": .string(place), "required": false,
            "schema": SchemaNotation.type(type), "description": .string(description),
        ]
    }
}
