package import ApusCore
internal import ApusPipeline

/// A collection of another system, to be taken over as it is.
package protocol PointImport: Sendable {
    /// Names what is imported, for the position of a run.
    var identity: String { get }
    /// The settings of the collection, as the body of a request of the wire API that creates it.
    func settings() async throws -> JSONValue
    /// Payload indexes, as bodies of the requests that create them.
    func payloadIndexes() async throws -> [JSONValue]
    /// Points in all.
    func count() async throws -> Int
    /// Points behind a position, in an order that stays; nil: there are none.
    func page(behind position: JSONValue?, limit: Int) async throws -> ImportPage?
}

package struct ImportPage: Sendable {
    package var points: [Point]
    package var position: JSONValue
}

extension PointImport {
    package func payloadIndexes() async throws -> [JSONValue] { [] }
}

/// What both ends of an import say of vectors, as JSON.
enum ImportedVector {
    /// An array of numbers, of such arrays, or an object with `indices` and `values`.
    static func vector(_ value: JSONValue) -> Vector? {
        switch value {
        case .array(let elements):
            if case .array? = elements.first {
                let rows = elements.map(floats)
                return rows.contains(nil) ? nil : .multi(rows.compactMap { $0 })
            }
            return floats(value).map { .dense($0) }
        case .object(let members):
            guard case .array(let indices)? = members["indices"],
                let values = members["values"].flatMap(floats)
            else { return nil }
            let numbers = indices.compactMap { index -> UInt32? in
                if case .integer(let number) = index { UInt32(exactly: number) } else { nil }
            }
            guard numbers.count == values.count else { return nil }
            return .sparse(SparseVector(indices: numbers, values: values))
        case .null, .bool, .integer, .double, .string: return nil
        }
    }

    static func floats(_ value: JSONValue) -> [Float]? {
        guard case .array(let elements) = value else { return nil }
        var floats: [Float] = []
        floats.reserveCapacity(elements.count)
        for element in elements {
            switch element {
            case .double(let number): floats.append(Float(number))
            case .integer(let number): floats.append(Float(number))
            case .null, .bool, .string, .array, .object: return nil
            }
        }
        return floats
    }

    /// The id of a point that is called `name` elsewhere: that number or UUID itself, where the name is
    /// one as it is usually written. Any other name gets a UUID of its SHA-256, and stays in the
    /// payload as `member`.
    static func id(
        named name: String, keeping member: String, in payload: inout Payload
    ) -> PointID {
        if let number = UInt64(name), String(number) == name { return .number(number) }
        if let uuid = UUIDBytes(name), "\(uuid)" == name { return .uuid(uuid) }
        payload[member] = .string(name)
        return ChunkPoint.id(pipeline: "import", key: name, chunk: 0)
    }
}

/// How a field of vectors is created here.
struct ImportedField {
    /// The least that the wire API needs to know.
    var dimension: Int
    /// As the wire API calls it.
    var distance: String
    var hnsw: [String: JSONValue] = [:]
    var quantization: JSONValue = .null

    private func body(isMulti: Bool) -> JSONValue {
        var body: [String: JSONValue] = [
            "size": .integer(Int64(dimension)), "distance": .string(distance),
        ]
        if !hnsw.isEmpty { body["hnsw_config"] = .object(hnsw) }
        if quantization != .null { body["quantization_config"] = quantization }
        if isMulti { body["multivector_config"] = ["comparator": "max_sim"] }
        return .object(body)
    }

    /// The body of the request that creates a collection with these fields; those in `multi` have
    /// several vectors a point.
    static func settings(
        _ fields: [String: ImportedField], multi: Set<String> = []
    ) -> JSONValue {
        var bodies: [String: JSONValue] = [:]
        for (name, field) in fields { bodies[name] = field.body(isMulti: multi.contains(name)) }
        // The only field without a name stands for itself.
        if bodies.count == 1, let only = bodies[defaultVectorName] { return ["vectors": only] }
        return .object(["vectors": .object(bodies)])
    }

    static let scalarQuantization: JSONValue = ["scalar": ["type": "int8"]]
    static let binaryQuantization: JSONValue = ["binary": [:]]
}

extension HTTPService {
    /// The answer of a call as JSON.
    func json(
        _ method: Method, _ path: String, _ body: JSONValue? = nil
    ) async throws(StageError) -> JSONValue {
        let answer = try await call(method, path, body: body.map { JSONText.bytes(of: $0) })
        do throws(MalformedJSON) { return try JSONParser.value(in: answer.body) } catch {
            throw StageError(
                .transient(after: nil), stage: stage,
                "\(base)\(path) gave no JSON: at byte \(error.offset) expected \(error.expected)")
        }
    }

    func unusable(_ path: String, _ what: String) -> StageError {
        StageError(.fatal, stage: stage, "\(base)\(path) gave an answer with \(what)")
    }
}

extension JSONValue {
    /// A member of an object; null where there is none.
    subscript(_ name: String) -> JSONValue {
        if case .object(let members) = self { members[name] ?? .null } else { .null }
    }
}
