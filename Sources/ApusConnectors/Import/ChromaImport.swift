package import ApusCore
internal import ApusPipeline

/// A collection of a Chroma server (API v2): vectors, metadata and documents.
///
/// Chroma's ids are texts. Numbers and UUIDs are taken as such; of others a UUID is made, and the
/// payload's member `chroma_id` has the text. The document is the member `document`.
package struct ChromaImport: PointImport {
    private let service: HTTPService
    private let name: String
    private let root: String

    /// `url` like `http://localhost:8000`.
    package init(
        url: String, collection: String, tenant: String, database: String, key: String?
    ) {
        var service = HTTPService(stage: "source", base: url)
        if let key { service.headers.append(("x-chroma-token", key)) }
        self.service = service
        name = collection
        root =
            "/api/v2/tenants/\(AWSSignature.percentEncoded(tenant))"
            + "/databases/\(AWSSignature.percentEncoded(database))/collections"
    }

    package var identity: String { "chroma \(service.base)\(root)/\(name)" }

    /// What the server says of the collection, which it finds by name.
    private func description() async throws(StageError) -> JSONValue {
        try await service.json(.get, "\(root)/\(AWSSignature.percentEncoded(name))")
    }

    private func path() async throws(StageError) -> String {
        guard case .string(let id) = try await description()["id"] else {
            throw service.unusable(root, "no id of '\(name)'")
        }
        return "\(root)/\(id)"
    }

    package func settings() async throws -> JSONValue {
        let description = try await description()
        guard case .integer(let dimension) = description["dimension"] else {
            throw service.unusable(root, "no dimension of '\(name)': it has no vectors yet")
        }
        let hnsw = description["configuration_json"]["hnsw"]
        var distance: JSONValue = "Euclid"
        // Chroma's l2 is the squared distance, which ranks the same.
        for space in [hnsw["space"], description["metadata"]["hnsw:space"]] {
            if space == "cosine" { distance = "Cosine" }
            if space == "ip" { distance = "Dot" }
        }
        return .object([
            "vectors": .object(["size": .integer(dimension), "distance": distance])
        ])
    }

    package func count() async throws -> Int {
        let path = try await path() + "/count"
        guard case .integer(let count) = try await service.json(.get, path) else {
            throw service.unusable(path, "no count")
        }
        return Int(count)
    }

    /// The position is the number of points before it.
    package func page(behind position: JSONValue?, limit: Int) async throws -> ImportPage? {
        var offset: Int64 = 0
        if case .integer(let number)? = position { offset = number }
        let path = try await path() + "/get"
        let answer = try await service.json(
            .post, path,
            [
                "limit": .integer(Int64(limit)), "offset": .integer(offset),
                "include": ["embeddings", "documents", "metadatas"],
            ])
        guard case .array(let ids) = answer["ids"], case .array(let rows) = answer["embeddings"],
            rows.count == ids.count
        else { throw service.unusable(path, "no ids with as many embeddings") }
        guard !ids.isEmpty else { return nil }
        var points: [Point] = []
        for (index, id) in ids.enumerated() {
            guard case .string(let text) = id, let vector = ImportedVector.vector(rows[index])
            else { throw service.unusable(path, "a point without an id or a vector") }
            var payload: Payload = [:]
            if case .array(let metadatas) = answer["metadatas"], index < metadatas.count,
                case .object(let members) = metadatas[index]
            {
                payload = members
            }
            if case .array(let documents) = answer["documents"], index < documents.count,
                documents[index] != .null
            {
                payload["document"] = documents[index]
            }
            let id = ImportedVector.id(named: text, keeping: "chroma_id", in: &payload)
            points.append(
                Point(id: id, vectors: [defaultVectorName: vector], payload: payload))
        }
        return ImportPage(points: points, position: .integer(offset + Int64(ids.count)))
    }
}
