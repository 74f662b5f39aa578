internal import ApusCore
internal import ApusPipeline

/// Which keys an import takes, and what is where in them.
struct RedisKeysLayout: Sendable {
    struct Field: Sendable {
        /// As the index calls it.
        var name: String
        /// Where it is: a hash's field, or a path in a document.
        var place: String
        var path: PayloadPath
        var element = LittleEndian.Element.float32
        /// nil: it must be looked at.
        var dimension: Int?
        var distance: String
        var hnsw: [String: JSONValue] = [:]
    }

    var isJSON: Bool
    /// Of SCAN.
    var patterns: [String]
    var fields: [Field] = []
    /// Fields of hashes that are numbers as texts.
    var numbers: Set<String> = []
    var payloadIndexes: [JSONValue] = []
    /// Keys that are indexed; nil: nobody counts them.
    var count: Int?

    /// An only field is the unnamed one here.
    func name(of field: Field) -> String { fields.count == 1 ? defaultVectorName : field.name }

    init(pattern: String, isJSON: Bool, fields names: [String], distance: String) throws(StageError)
    {
        self.isJSON = isJSON
        patterns = [pattern]
        for name in names {
            fields.append(
                Field(
                    name: name, place: name, path: try Self.path(name, isJSON: isJSON),
                    distance: distance))
        }
    }

    /// From the answer of `FT.INFO`.
    init(index: String, facts reply: RedisConnection.Reply) throws(StageError) {
        let facts = reply.members
        let definition = facts["index_definition"]?.members ?? [:]
        isJSON = definition["key_type"]?.string == "JSON"
        let prefixes = definition["prefixes"]?.elements.compactMap(\.string) ?? []
        patterns = prefixes.isEmpty ? ["*"] : prefixes.map { Self.escaped($0) + "*" }
        count = facts["num_docs"]?.integer.map { Int(clamping: $0) }
        for attribute in facts["attributes"]?.elements ?? [] {
            let members = attribute.members
            guard let place = members["identifier"]?.string, let type = members["type"]?.string
            else { continue }
            guard type == "VECTOR" else {
                add(place, type)
                continue
            }
            guard let metric = members["distance_metric"]?.string,
                let distance = ["COSINE": "Cosine", "L2": "Euclid", "IP": "Dot"][metric]
            else {
                throw Self.unusable(
                    "FT.INFO \(index) does not say how '\(place)' is compared: import by --keys")
            }
            let data = members["data_type"]?.string ?? ""
            guard let element = LittleEndian.Element(rawValue: data) else {
                throw Self.unusable("'\(place)' has vectors of \(data), which are not known here")
            }
            var field = Field(
                name: members["attribute"]?.string ?? place, place: place,
                path: try Self.path(place, isJSON: isJSON), element: element,
                dimension: members["dim"]?.integer.map { Int(clamping: $0) }, distance: distance)
            if let m = members["M"]?.integer { field.hnsw["m"] = .integer(m) }
            if let width = members["ef_construction"]?.integer {
                field.hnsw["ef_construct"] = .integer(width)
            }
            fields.append(field)
        }
        guard !fields.isEmpty else { throw Self.unusable("the index '\(index)' has no vectors") }
    }

    private mutating func add(_ place: String, _ type: String) {
        if type == "NUMERIC", !isJSON { numbers.insert(place) }
        guard let path = try? Self.path(place, isJSON: isJSON),
            let schema = ["NUMERIC": "float", "TAG": "keyword", "TEXT": "text"][type]
        else { return }
        payloadIndexes.append(
            .object([
                "field_name": .string(path.description), "field_schema": .string(schema),
            ]))
    }

    private static func path(_ place: String, isJSON: Bool) throws(StageError) -> PayloadPath {
        guard isJSON else { return PayloadPath(key: place) }
        let text = place.hasPrefix("$.") ? String(place.dropFirst(2)) : place
        guard let path = PayloadPath(text),
            path.steps.allSatisfy({ if case .key = $0 { true } else { false } })
        else { throw unusable("the path '\(place)' is not one of members only") }
        return path
    }

    /// Characters that stand for others in a pattern, as themselves.
    private static func escaped(_ prefix: String) -> String {
        prefix.reduce(into: "") { text, character in
            if "*?[]^-\\".contains(character) { text.append("\\") }
            text.append(character)
        }
    }

    func point(_ key: String, hash: [RedisConnection.Reply]) throws(StageError) -> Point {
        var payload: Payload = [:]
        var vectors: [String: Vector] = [:]
        for index in stride(from: 0, to: hash.count - 1, by: 2) {
            guard let name = hash[index].string, case .text(let bytes) = hash[index + 1] else {
                throw Self.unusable("hash \(key): a field's name is not UTF-8")
            }
            if let field = fields.first(where: { $0.place == name }) {
                let width = field.element.byteCount
                let count = bytes.count / width
                guard bytes.count.isMultiple(of: width), count > 0,
                    field.dimension.map({ $0 == count }) ?? true
                else {
                    let expected = field.dimension.map { "\($0)" } ?? "some"
                    throw Self.unusable(
                        "hash \(key): '\(name)' has \(bytes.count) bytes, which are not \(expected) "
                            + "numbers of \(field.element.rawValue)")
                }
                vectors[self.name(of: field)] = .dense(
                    LittleEndian.floats(bytes, of: field.element))
            } else if let text = String(validating: bytes, as: UTF8.self) {
                payload[name] = numbers.contains(name) ? Self.number(text) : .string(text)
            } else {
                throw Self.unusable(
                    "hash \(key): '\(name)' is not UTF-8: is it a vector that is to be named?")
            }
        }
        let id = ImportedVector.id(named: key, keeping: "redis_key", in: &payload)
        return Point(id: id, vectors: vectors, payload: payload)
    }

    func point(_ key: String, json text: String) throws(StageError) -> Point {
        guard case .object(var payload)? = try? JSONParser.value(in: Array(text.utf8)) else {
            throw Self.unusable("document \(key) is no object")
        }
        var vectors: [String: Vector] = [:]
        for field in fields {
            guard let value = payload.value(at: field.path) else { continue }
            guard case .dense(let vector)? = ImportedVector.vector(value), !vector.isEmpty else {
                throw Self.unusable("document \(key): '\(field.place)' is no vector")
            }
            vectors[name(of: field)] = .dense(vector)
            payload.removeValues(at: field.path)
        }
        let id = ImportedVector.id(named: key, keeping: "redis_key", in: &payload)
        return Point(id: id, vectors: vectors, payload: payload)
    }

    private static func number(_ text: String) -> JSONValue {
        if let integer = Int64(text) { return .integer(integer) }
        if let double = Double(text), double.isFinite { return .double(double) }
        return .string(text)
    }

    private static func unusable(_ what: String) -> StageError {
        StageError(.fatal, stage: "source", what)
    }
}
