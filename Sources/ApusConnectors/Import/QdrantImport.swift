package import ApusCore
internal import ApusPipeline

/// A collection of a server with Qdrant's REST interface, with ids, payloads, all vectors, settings
/// and payload indexes.
package struct QdrantImport: PointImport {
    private let service: HTTPService
    private let path: String

    /// `url` like `http://localhost:6333`.
    package init(url: String, collection: String, key: String?) {
        var service = HTTPService(stage: "source", base: url)
        if let key { service.headers.append(("api-key", key)) }
        self.service = service
        path = "/collections/" + AWSSignature.percentEncoded(collection)
    }

    package var identity: String { "qdrant \(service.base)\(path)" }

    package func settings() async throws -> JSONValue {
        let config = try await service.json(.get, path)["result"]["config"]
        let parameters = config["params"]
        guard parameters["vectors"] != .null || parameters["sparse_vectors"] != .null else {
            throw service.unusable(path, "no vectors")
        }
        var body: [String: JSONValue] = ["vectors": parameters["vectors"]]
        for (name, value) in [
            ("sparse_vectors", parameters["sparse_vectors"]),
            ("on_disk_payload", parameters["on_disk_payload"]),
            ("hnsw_config", config["hnsw_config"]),
            ("quantization_config", config["quantization_config"]),
            ("metadata", config["metadata"]),
        ] where value != .null {
            body[name] = value
        }
        return .object(body)
    }

    package func payloadIndexes() async throws -> [JSONValue] {
        let schema = try await service.json(.get, path)["result"]["payload_schema"]
        guard case .object(let fields) = schema else { return [] }
        return fields.sorted { $0.key < $1.key }.map { name, field in
            let parameters = field["params"]
            return .object([
                "field_name": .string(name),
                "field_schema": parameters == .null ? field["data_type"] : parameters,
            ])
        }
    }

    package func count() async throws -> Int {
        let answer = try await service.json(.post, path + "/points/count", ["exact": true])
        guard case .integer(let count) = answer["result"]["count"] else {
            throw service.unusable(path + "/points/count", "no count")
        }
        return Int(count)
    }

    /// The position is the first id of the next page.
    package func page(behind position: JSONValue?, limit: Int) async throws -> ImportPage? {
        if position == .null { return nil }
        var request: [String: JSONValue] = [
            "limit": .integer(Int64(limit)), "with_payload": true, "with_vector": true,
        ]
        if let position { request["offset"] = position }
        let answer = try await service.json(.post, path + "/points/scroll", .object(request))
        let result = answer["result"]
        guard case .array(let found) = result["points"] else {
            throw service.unusable(path + "/points/scroll", "no points")
        }
        var points: [Point] = []
        for value in found { points.append(try point(value)) }
        return ImportPage(points: points, position: result["next_page_offset"])
    }

    private func point(_ value: JSONValue) throws(StageError) -> Point {
        let id: PointID
        switch value["id"] {
        case .integer(let number) where number >= 0: id = .number(UInt64(number))
        // Ids above 2⁶³ do not fit the parser's integers.
        case .double(let number) where number >= 0 && number < 0x1p64:
            throw service.unusable(
                path, "an id of \(number), which is too large to be told exactly")
        case .string(let text):
            guard let uuid = UUIDBytes(text) else {
                throw service.unusable(path, "the id '\(text)'")
            }
            id = .uuid(uuid)
        default: throw service.unusable(path, "a point without an id")
        }
        var vectors: [String: Vector] = [:]
        let stored = value["vector"]
        if let only = ImportedVector.vector(stored) {
            vectors[defaultVectorName] = only
        } else if case .object(let named) = stored {
            for (name, value) in named {
                guard let vector = ImportedVector.vector(value) else {
                    throw service.unusable(path, "a vector '\(name)' of point \(id) that is none")
                }
                vectors[name] = vector
            }
        }
        var payload: Payload = [:]
        if case .object(let members) = value["payload"] { payload = members }
        return Point(id: id, vectors: vectors, payload: payload)
    }
}
