package import ApusCore
internal import ApusPipeline

/// An index of Elasticsearch or OpenSearch with fields of vectors: ids, vectors, and the rest of
/// `_source` as payload.
///
/// Pages are read from a point in time. Elasticsearch orders them by `_shard_doc`, which holds for one
/// point in time only: where that has expired, the import begins anew. OpenSearch orders by `_id`.
package struct ElasticsearchImport: PointImport {
    private let service: HTTPService
    private let index: String
    private let chosen: [String]

    package enum Credential: Sendable {
        case apiKey(String)
        case basic(user: String, password: String)
    }

    /// `url` like `https://localhost:9200`; of several fields of vectors `fields` chooses.
    package init(url: String, index: String, fields: [String], credential: Credential?) {
        var service = HTTPService(stage: "source", base: url)
        switch credential {
        case .apiKey(let key): service.headers.append(("authorization", "ApiKey \(key)"))
        case .basic(let user, let password): service.authorize(user: user, password: password)
        case nil: break
        }
        self.service = service
        self.index = index
        chosen = fields
    }

    package var identity: String {
        "elasticsearch \(service.base) \(index) \(chosen.joined(separator: " "))"
    }

    private var path: String { "/" + AWSSignature.percentEncoded(index) }

    private func mapping() async throws(StageError) -> ElasticsearchMapping {
        let answer = try await service.json(.get, path + "/_mapping")
        guard case .object(let indexes) = answer, let only = indexes.first else {
            throw service.unusable(path + "/_mapping", "no mapping")
        }
        guard indexes.count == 1 else {
            throw service.unusable(
                path + "/_mapping", "\(indexes.count) indexes: import each by its name")
        }
        var mapping = ElasticsearchMapping(only.value["mappings"])
        if !chosen.isEmpty {
            for name in chosen where !mapping.fields.contains(where: { $0.name == name }) {
                throw service.unusable(path + "/_mapping", "no field '\(name)' of vectors")
            }
            mapping.fields.removeAll { !chosen.contains($0.name) }
        }
        guard !mapping.fields.isEmpty else {
            throw service.unusable(path + "/_mapping", "no field of vectors")
        }
        return mapping
    }

    package func settings() async throws -> JSONValue {
        let mapping = try await mapping()
        var fields: [String: ImportedField] = [:]
        for field in mapping.fields {
            guard let imported = field.imported else {
                throw service.unusable(
                    path + "/_mapping",
                    "the field '\(field.name)', whose vectors are not known here: \(field.facts.jsonText)"
                )
            }
            fields[mapping.name(of: field)] = imported
        }
        return ImportedField.settings(fields)
    }

    package func payloadIndexes() async throws -> [JSONValue] {
        try await mapping().payloadIndexes
    }

    package func count() async throws -> Int {
        guard case .integer(let count) = try await service.json(.get, path + "/_count")["count"]
        else { throw service.unusable(path + "/_count", "no count") }
        return Int(clamping: count)
    }

    /// How long a point in time is kept between two pages.
    private static let keep = "10m"

    /// The position is the point in time and the sort values of the last hit.
    package func page(behind position: JSONValue?, limit: Int) async throws -> ImportPage? {
        if position == .null { return nil }
        let mapping = try await mapping()
        guard let position, case .string(let pit) = position["pit"] else {
            return try await firstPage(mapping, after: .null, limit)
        }
        do {
            return try await page(mapping, pit, after: position["after"], limit)
        } catch let error where error.message.contains("search_context_missing") {
            let after = mapping.isOpenSearch ? position["after"] : .null
            return try await firstPage(mapping, after: after, limit)
        }
    }

    /// A page of a new point in time.
    private func firstPage(
        _ mapping: ElasticsearchMapping, after: JSONValue, _ limit: Int
    ) async throws(StageError) -> ImportPage? {
        let pit = try await open(mapping)
        do {
            return try await page(mapping, pit, after: after, limit)
        } catch {
            await close(mapping, pit)
            throw error
        }
    }

    private func open(_ mapping: ElasticsearchMapping) async throws(StageError) -> String {
        let call = mapping.isOpenSearch ? "/_search/point_in_time" : "/_pit"
        let place = path + call + "?keep_alive=\(Self.keep)"
        let answer = try await service.json(.post, place)
        guard case .string(let pit) = answer[mapping.isOpenSearch ? "pit_id" : "id"] else {
            throw service.unusable(place, "no point in time")
        }
        return pit
    }

    /// Lets go of a point in time, which otherwise ends by itself.
    private func close(_ mapping: ElasticsearchMapping, _ pit: String) async {
        _ =
            mapping.isOpenSearch
            ? try? await service.json(
                .delete, "/_search/point_in_time", .object(["pit_id": .array([.string(pit)])]))
            : try? await service.json(.delete, "/_pit", .object(["id": .string(pit)]))
    }

    private func page(
        _ mapping: ElasticsearchMapping, _ pit: String, after: JSONValue, _ limit: Int
    ) async throws(StageError) -> ImportPage? {
        var request: [String: JSONValue] = [
            "size": .integer(Int64(limit)), "track_total_hits": false,
            "pit": .object(["id": .string(pit), "keep_alive": .string(Self.keep)]),
            "sort": [.object([mapping.isOpenSearch ? "_id" : "_shard_doc": "asc"])],
        ]
        if after != .null { request["search_after"] = after }
        // Newer versions leave vectors out of `_source`, and have them here.
        if !mapping.isOpenSearch {
            request["fields"] = .array(mapping.fields.map { .string($0.name) })
        }
        let answer = try await service.json(.post, "/_search", .object(request))
        if answer["timed_out"] == true || !Self.isZero(answer["_shards"]["failed"]) {
            throw StageError(
                .transient(after: nil), stage: "source",
                "\(service.base)/_search answered with some of its shards only")
        }
        guard case .array(let hits) = answer["hits"]["hits"] else {
            throw service.unusable("/_search", "no hits")
        }
        guard let last = hits.last else {
            await close(mapping, pit)
            return nil
        }
        var points: [Point] = []
        for hit in hits { points.append(try point(hit, mapping)) }
        var next = pit
        if case .string(let newer) = answer["pit_id"] { next = newer }
        guard case .array = last["sort"] else {
            throw service.unusable("/_search", "no sort values")
        }
        return ImportPage(
            points: points,
            position: .object(["pit": .string(next), "after": last["sort"]]))
    }

    private static func isZero(_ value: JSONValue) -> Bool { value == .null || value == 0 }

    private func point(
        _ hit: JSONValue, _ mapping: ElasticsearchMapping
    ) throws(StageError) -> Point {
        guard case .string(let name) = hit["_id"], case .object(var payload) = hit["_source"] else {
            throw service.unusable("/_search", "a hit without _id or _source")
        }
        var vectors: [String: Vector] = [:]
        for field in mapping.fields {
            let stored = payload.value(at: field.path) ?? .null
            let value = stored == .null ? hit["fields"][field.name] : stored
            payload.removeValues(at: field.path)
            guard value != .null else { continue }
            guard let row = ImportedVector.floats(value), !row.isEmpty else {
                throw service.unusable("/_search", "'\(field.name)' of '\(name)' that is no vector")
            }
            vectors[mapping.name(of: field)] = .dense(row)
        }
        let id = ImportedVector.id(named: name, keeping: "elasticsearch_id", in: &payload)
        return Point(id: id, vectors: vectors, payload: payload)
    }
}
