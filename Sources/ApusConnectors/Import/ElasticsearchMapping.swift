internal import ApusCore

/// What the mapping of an index says of its fields.
struct ElasticsearchMapping: Sendable {
    struct Field: Sendable {
        /// With dots, as the mapping nests it.
        var name: String
        var path: PayloadPath
        var facts: JSONValue

        /// nil: vectors that are none here, of bits for one.
        var imported: ImportedField? {
            let element =
                facts["element_type"] == .null ? facts["data_type"] : facts["element_type"]
            guard [.null, "float", "byte", "half_float", "bfloat16"].contains(element) else {
                return nil
            }
            var dimension: Int64 = 0
            for name in ["dims", "dimension"] {
                if case .integer(let told) = facts[name] { dimension = told }
            }
            let distances: [JSONValue: String] = [
                "cosine": "Cosine", "dot_product": "Dot", "max_inner_product": "Dot",
                "l2_norm": "Euclid", "cosinesimil": "Cosine", "innerproduct": "Dot",
                "l2": "Euclid", "l1": "Manhattan",
            ]
            let method = facts["method"]
            let told = [facts["similarity"], facts["space_type"], method["space_type"]]
                .first { $0 != .null }
            let usual: JSONValue = facts["type"] == "dense_vector" ? "cosine" : "l2"
            guard dimension > 0, let distance = distances[told ?? usual] else { return nil }
            var field = ImportedField(
                dimension: Int(clamping: dimension), distance: distance)
            let options = facts["index_options"]
            for graph in [options, method["parameters"]] {
                if case .integer(let m) = graph["m"] { field.hnsw["m"] = .integer(m) }
                if case .integer(let width) = graph["ef_construction"] {
                    field.hnsw["ef_construct"] = .integer(width)
                }
            }
            if case .string(let type) = options["type"] {
                if type.hasPrefix("int8") { field.quantization = ImportedField.scalarQuantization }
                if type.hasPrefix("bbq") { field.quantization = ImportedField.binaryQuantization }
            }
            return field
        }
    }

    var fields: [Field] = []
    private(set) var payloadIndexes: [JSONValue] = []
    /// The two differ in how points in time are opened and ordered.
    private(set) var isOpenSearch = false

    init(_ mapping: JSONValue) { add(mapping["properties"], below: []) }

    /// An only field is the unnamed one here.
    func name(of field: Field) -> String { fields.count == 1 ? defaultVectorName : field.name }

    private static let indexKinds = [
        "keyword": "keyword", "long": "integer", "integer": "integer", "short": "integer",
        "byte": "integer", "double": "float", "float": "float", "half_float": "float",
        "boolean": "bool", "date": "datetime", "text": "text", "geo_point": "geo",
    ]

    private mutating func add(_ properties: JSONValue, below parents: [String]) {
        guard case .object(let members) = properties else { return }
        for (name, facts) in members.sorted(by: { $0.key < $1.key }) {
            let keys = parents + [name]
            let path = PayloadPath(steps: keys.map { .key($0) })
            switch facts["type"] {
            case "dense_vector", "knn_vector":
                fields.append(
                    Field(name: keys.joined(separator: "."), path: path, facts: facts))
                if facts["type"] == "knn_vector" { isOpenSearch = true }
            // Nested documents are documents of their own there; here they are payload.
            case "nested": break
            case "object", .null: add(facts["properties"], below: keys)
            case .string(let type):
                guard let kind = Self.indexKinds[type], facts["index"] != false else { continue }
                payloadIndexes.append(
                    .object([
                        "field_name": .string(path.description), "field_schema": .string(kind),
                    ]))
            default: break
            }
        }
    }
}
