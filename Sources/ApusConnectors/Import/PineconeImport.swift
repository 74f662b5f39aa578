package import ApusCore
internal import ApusPipeline

/// An index of Pinecone: values, sparse values and metadata of all its namespaces or of one.
///
/// Ids are listed, then fetched. The same id in two namespaces is two points: those of a named namespace
/// get UUIDs of namespace and id, unless it alone is imported.
package struct PineconeImport: PointImport {
    private let service: HTTPService
    private let namespace: String?
    private let toldDistance: String?

    /// The field of sparse values.
    static let sparseName = "sparse"

    /// `url` is the index's own, like `https://docs-1a2b3c.svc.aped-4627-b74a.pinecone.io`; `distance`,
    /// as the wire API calls it, where the index does not say it.
    package init(url: String, namespace: String?, distance: String?, key: String?) {
        var service = HTTPService(stage: "source", base: url)
        service.headers.append(("x-pinecone-api-version", "2025-01"))
        if let key { service.headers.append(("api-key", key)) }
        self.service = service
        self.namespace = namespace
        toldDistance = distance
    }

    package var identity: String {
        "pinecone \(service.base)" + (namespace.map { " namespace \($0)" } ?? "")
    }

    private static let statistics = "/describe_index_stats"

    private func statistics() async throws(StageError) -> JSONValue {
        try await service.json(.post, Self.statistics, [:])
    }

    package func settings() async throws -> JSONValue {
        let facts = try await statistics()
        var body: [String: JSONValue] = [:]
        var distance = toldDistance
        if case .string(let metric) = facts["metric"] {
            distance =
                distance
                ?? ["cosine": "Cosine", "euclidean": "Euclid", "dotproduct": "Dot"][metric]
        }
        let isSparse = facts["vectorType"] == "sparse"
        if !isSparse {
            guard case .integer(let dimension) = facts["dimension"], dimension > 0 else {
                throw service.unusable(Self.statistics, "no dimension")
            }
            guard let distance else {
                throw service.unusable(Self.statistics, "no metric: say it with --metric")
            }
            body["vectors"] = .object([
                "size": .integer(dimension), "distance": .string(distance),
            ])
        }
        // Sparse values stand beside dense ones only where the dot product compares.
        if isSparse || distance == "Dot" { body["sparse_vectors"] = [Self.sparseName: [:]] }
        return .object(body)
    }

    /// Names and counts, in an order that stays.
    private func namespaces() async throws(StageError) -> [(name: String, count: Int)] {
        guard case .object(let found) = try await statistics()["namespaces"] else {
            throw service.unusable(Self.statistics, "no namespaces")
        }
        var namespaces: [(String, Int)] = []
        for (name, facts) in found where namespace.map({ $0 == Self.plain(name) }) ?? true {
            guard case .integer(let count) = facts["vectorCount"] else {
                throw service.unusable(Self.statistics, "no count of the namespace '\(name)'")
            }
            namespaces.append((name, Int(clamping: count)))
        }
        if let namespace, namespaces.isEmpty {
            throw service.unusable(Self.statistics, "no namespace '\(namespace)'")
        }
        return namespaces.sorted { $0.0 < $1.0 }
    }

    /// The one without a name has one in newer versions.
    private static func plain(_ name: String) -> String { name == "__default__" ? "" : name }

    package func count() async throws -> Int {
        // Sums that no number holds are none that a collection has.
        try await namespaces().reduce(0) { $0 &+ $1.count }
    }

    /// The position is a namespace and the token of its next page.
    package func page(behind position: JSONValue?, limit: Int) async throws -> ImportPage? {
        if position == .null { return nil }
        let names = try await namespaces().map(\.name)
        var (start, token): (String?, String?) = (names.first, nil)
        if let position, case .string(let name) = position["namespace"] {
            start = names.first { $0 >= name }
            if case .string(let text) = position["token"], start == name { token = text }
        }
        guard let name = start else { return nil }
        // The service lists at most 100 ids at once.
        var query = [("namespace", name), ("limit", String(min(limit, 100)))]
        if let token { query.append(("paginationToken", token)) }
        let path = "/vectors/list?" + AWSSignature.encoded(query)
        let answer = try await service.json(.get, path)
        guard case .array(let listed) = answer["vectors"] else {
            throw service.unusable(path, "no vectors")
        }
        var ids: [String] = []
        for vector in listed {
            guard case .string(let id) = vector["id"] else {
                throw service.unusable(path, "a vector without an id")
            }
            ids.append(id)
        }
        let points = try await points(ids, in: name)
        if case .string(let next) = answer["pagination"]["next"], !next.isEmpty {
            return ImportPage(
                points: points,
                position: .object(["namespace": .string(name), "token": .string(next)]))
        }
        let following = names.first { $0 > name }
        return ImportPage(
            points: points,
            position: following.map { .object(["namespace": .string($0)]) } ?? .null)
    }

    /// Ids stand in the address, so long ones are fetched in several calls.
    private func points(
        _ ids: [String], in namespace: String
    ) async throws(StageError) -> [Point] {
        var points: [Point] = []
        var start = 0
        while start < ids.count {
            var path = "/vectors/fetch?namespace=" + AWSSignature.percentEncoded(namespace)
            var end = start
            repeat {
                path += "&ids=" + AWSSignature.percentEncoded(ids[end])
                end += 1
            } while end < ids.count && path.utf8.count < 4096
            guard case .object(let found) = try await service.json(.get, path)["vectors"] else {
                throw service.unusable(path, "no vectors")
            }
            // One that was deleted in between is not there.
            for id in ids[start..<end] {
                if let value = found[id] { points.append(try point(id, in: namespace, value)) }
            }
            start = end
        }
        return points
    }

    private func point(
        _ name: String, in space: String, _ value: JSONValue
    ) throws(StageError) -> Point {
        var payload: Payload = [:]
        if case .object(let members) = value["metadata"] { payload = members }
        var vectors: [String: Vector] = [:]
        if case .array(let numbers) = value["values"], !numbers.isEmpty {
            guard let row = ImportedVector.floats(value["values"]) else {
                throw service.unusable("/vectors/fetch", "values of '\(name)' that are no numbers")
            }
            vectors[defaultVectorName] = .dense(row)
        }
        if case .object = value["sparseValues"] {
            guard case .sparse(let sparse)? = ImportedVector.vector(value["sparseValues"]) else {
                throw service.unusable("/vectors/fetch", "sparse values of '\(name)' that are none")
            }
            vectors[Self.sparseName] = .sparse(sparse.sorted())
        }
        let plain = Self.plain(space)
        if !plain.isEmpty { payload["pinecone_namespace"] = .string(plain) }
        guard plain.isEmpty || namespace != nil else {
            payload["pinecone_id"] = .string(name)
            let id = ChunkPoint.id(pipeline: "import \(plain)", key: name, chunk: 0)
            return Point(id: id, vectors: vectors, payload: payload)
        }
        let id = ImportedVector.id(named: name, keeping: "pinecone_id", in: &payload)
        return Point(id: id, vectors: vectors, payload: payload)
    }
}
