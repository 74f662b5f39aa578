package import ApusCore
internal import ApusPipeline

/// A collection (class) of a Weaviate server: its objects' ids, properties, vector and named vectors.
package struct WeaviateImport: PointImport {
    private let service: HTTPService
    private let name: String
    private let tenant: String?

    /// `url` like `http://localhost:8080`; `tenant` of a collection that has tenants.
    package init(url: String, collection: String, tenant: String?, key: String?) {
        var service = HTTPService(stage: "source", base: url)
        if let key { service.headers.append(("authorization", "Bearer \(key)")) }
        self.service = service
        name = collection
        self.tenant = tenant
    }

    package var identity: String {
        "weaviate \(service.base) \(name)" + (tenant.map { " tenant \($0)" } ?? "")
    }

    private var schemaPath: String { "/v1/schema/" + AWSSignature.percentEncoded(name) }

    package func settings() async throws -> JSONValue {
        let schema = try await service.json(.get, schemaPath)
        var fields: [String: ImportedField] = [:]
        if case .object(let named) = schema["vectorConfig"], !named.isEmpty {
            for (name, config) in named { fields[name] = try field(config["vectorIndexConfig"]) }
        } else {
            fields[defaultVectorName] = try field(schema["vectorIndexConfig"])
        }
        // A schema has no dimensions: the objects have.
        var isMulti: Set<String> = []
        var position: JSONValue?
        while fields.values.contains(where: { $0.dimension == 0 }),
            let page = try await page(behind: position, limit: 100)
        {
            for point in page.points {
                for (name, vector) in point.vectors {
                    switch vector {
                    case .dense(let row): fields[name]?.dimension = row.count
                    case .multi(let rows):
                        fields[name]?.dimension = rows.first?.count ?? 0
                        isMulti.insert(name)
                    case .sparse: break
                    }
                }
            }
            position = page.position
        }
        // A named vector that no object has needs no field.
        fields = fields.filter { $0.value.dimension > 0 }
        guard !fields.isEmpty else { throw service.unusable(schemaPath, "no object with a vector") }
        return ImportedField.settings(fields, multi: isMulti)
    }

    private func field(_ config: JSONValue) throws(StageError) -> ImportedField {
        let distances = [
            "cosine": "Cosine", "dot": "Dot", "l2-squared": "Euclid", "manhattan": "Manhattan",
        ]
        var distance = "Cosine"
        if case .string(let metric) = config["distance"] {
            guard let known = distances[metric] else {
                throw service.unusable(
                    schemaPath, "the distance '\(metric)', which is not known here")
            }
            distance = known
        }
        var field = ImportedField(dimension: 0, distance: distance)
        if case .integer(let m) = config["maxConnections"] { field.hnsw["m"] = .integer(m) }
        if case .integer(let width) = config["efConstruction"] {
            field.hnsw["ef_construct"] = .integer(width)
        }
        if config["bq"]["enabled"] == true { field.quantization = ImportedField.binaryQuantization }
        if config["sq"]["enabled"] == true { field.quantization = ImportedField.scalarQuantization }
        return field
    }

    package func payloadIndexes() async throws -> [JSONValue] {
        let kinds = [
            "text": "keyword", "int": "integer", "number": "float", "boolean": "bool",
            "date": "datetime", "uuid": "uuid",
        ]
        guard case .array(let properties) = try await service.json(.get, schemaPath)["properties"]
        else { return [] }
        return properties.compactMap { property in
            guard property["indexFilterable"] != false, case .string(let name) = property["name"],
                case .array(let types) = property["dataType"],
                case .string(let type)? = types.first,
                let kind = kinds[type.replacing("[]", with: "")]
            else { return nil }
            return .object([
                "field_name": .string(PayloadPath(key: name).description),
                "field_schema": .string(kind),
            ])
        }
    }

    package func count() async throws -> Int {
        let of = tenant.map { "(tenant: \(JSONValue.string($0).jsonText))" } ?? ""
        let answer = try await service.json(
            .post, "/v1/graphql",
            ["query": .string("{Aggregate{\(name)\(of){meta{count}}}}")])
        guard case .array(let groups) = answer["data"]["Aggregate"][name],
            case .integer(let count)? = groups.first?["meta"]["count"]
        else {
            let errors = answer["errors"]
            throw service.unusable(
                "/v1/graphql", "no count" + (errors == .null ? "" : ": \(errors.jsonText)"))
        }
        return Int(clamping: count)
    }

    /// The position is the last id.
    package func page(behind position: JSONValue?, limit: Int) async throws -> ImportPage? {
        // Nothing begins the cursor.
        var after = ""
        if case .string(let last)? = position { after = last }
        var query = [
            ("class", name), ("limit", String(limit)), ("include", "vector"), ("after", after),
        ]
        if let tenant { query.append(("tenant", tenant)) }
        let path = "/v1/objects?" + AWSSignature.encoded(query)
        guard case .array(let objects) = try await service.json(.get, path)["objects"] else {
            throw service.unusable(path, "no objects")
        }
        var points: [Point] = []
        for object in objects { points.append(try point(object, path)) }
        guard let last = objects.last else { return nil }
        return ImportPage(points: points, position: last["id"])
    }

    private func point(_ object: JSONValue, _ path: String) throws(StageError) -> Point {
        guard case .string(let text) = object["id"], let uuid = UUIDBytes(text) else {
            throw service.unusable(path, "an object without a UUID")
        }
        var payload: Payload = [:]
        if case .object(let members) = object["properties"] { payload = members }
        var stored: [String: JSONValue] = [:]
        if case .object(let named) = object["vectors"] { stored = named }
        if case .array(let numbers) = object["vector"], !numbers.isEmpty {
            stored[defaultVectorName] = .array(numbers)
        }
        var vectors: [String: Vector] = [:]
        for (name, value) in stored {
            guard let vector = ImportedVector.vector(value) else {
                throw service.unusable(path, "a vector '\(name)' of \(text) that is none")
            }
            vectors[name] = vector
        }
        return Point(id: .uuid(uuid), vectors: vectors, payload: payload)
    }
}
