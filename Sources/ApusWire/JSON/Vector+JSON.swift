package import ApusCore
private import ApusText

extension Vector {
    /// A vector of a named field: a list, a list of lists, `{indices, values}`, or a text that is
    /// made one.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        switch try reader.peek() {
        case .array: self = try reader.readDenseOrMultiVector()
        case .object:
            let start = reader.position()
            var parts = VectorParts()
            try reader.beginObject()
            while let key = try reader.nextKey() { try parts.read(key, &reader) }
            self = try parts.vector(reader, at: start)
        case .string, .number, .bool, .null:
            throw reader.unexpected(expecting: "a vector")
        }
    }

    /// Members with a text that only an inference object has; in a map they would be vectors.
    private static let inferenceKeys: Set<String> = ["text", "image", "object", "model"]

    /// The vectors of a point: one of the unnamed field (a list, a list of lists or a text), or a map
    /// from field names to vectors.
    package static func fields(
        reading reader: inout JSONReader
    ) throws(JSONError) -> [String: Vector] {
        switch try reader.peek() {
        case .array:
            return [defaultVectorName: try reader.readDenseOrMultiVector()]
        case .object:
            var fields: [String: Vector] = [:]
            let beginning = reader
            try reader.beginObject()
            while let name = try reader.nextKey() {
                if try reader.peek() == .string, inferenceKeys.contains(name) {
                    reader = beginning
                    return [defaultVectorName: try Vector(reading: &reader)]
                }
                fields[name] = try Vector(reading: &reader)
            }
            return fields
        case .string, .number, .bool, .null:
            throw reader.unexpected(expecting: "a vector or a map of named vectors")
        }
    }
}

/// The members of an object that stands where a vector may stand: `{indices, values}`, or
/// `{text, model, options}`. Whether indices and values fit each other is for the engine to check.
struct VectorParts {
    private var indices: [UInt32]?
    private var values: [Float]?
    private var text: String?
    private var model: String?
    private var options: [String: JSONValue] = [:]

    /// Passes over the unknown.
    mutating func read(_ name: String, _ reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "indices": indices = try reader.array(of: Self.readIndex)
        case "values": values = try reader.readFloats()
        case "text": text = try reader.readString()
        case "model": model = try reader.readString()
        case "options": options = try reader.optional(Payload.init(reading:)) ?? [:]
        case "image", "object":
            throw reader.unsupported("inference (an image or object instead of a vector)")
        default: try reader.skipValue()
        }
    }

    /// As a vector that is stored.
    func vector(_ reader: JSONReader, at start: Int) throws(JSONError) -> Vector {
        try vector(reader, at: start) { (document) throws(DatabaseError) in
            try document.stored()
        }
    }

    /// As a vector that is searched for.
    func input(_ reader: JSONReader, at start: Int) throws(JSONError) -> VectorInput {
        .vector(
            try vector(reader, at: start) { (document) throws(DatabaseError) in
                try document.query()
            })
    }

    private func vector(
        _ reader: JSONReader, at start: Int,
        of document: (InferredDocument) throws(DatabaseError) -> Vector
    ) throws(JSONError) -> Vector {
        guard text != nil || model != nil else {
            return .sparse(
                SparseVector(
                    indices: try reader.require(indices, "indices", ofObjectAt: start),
                    values: try reader.require(values, "values", ofObjectAt: start)))
        }
        let inferred = InferredDocument(
            text: try reader.require(text, "text", ofObjectAt: start),
            model: try reader.require(model, "model", ofObjectAt: start), options: options)
        do throws(DatabaseError) { return try document(inferred) } catch {
            throw JSONError(error, at: start)
        }
    }

    private static func readIndex(_ reader: inout JSONReader) throws(JSONError) -> UInt32 {
        let start = reader.position()
        let number = try reader.readNumber()
        guard let index = reader.integer(number, as: UInt32.self) else {
            throw JSONError(
                .malformed,
                "invalid value \(reader.excerpt(of: number)), expected an integer below 2^32",
                offset: start)
        }
        return index
    }
}

extension JSONError {
    /// What is wrong with the value that begins at `offset`.
    fileprivate init(_ error: DatabaseError, at offset: Int) {
        let kinds: [DatabaseError.Kind: Kind] = [
            .unimplemented: .unsupported, .validation: .outOfRange,
        ]
        self.init(kinds[error.kind] ?? .malformed, error.message, offset: offset)
    }
}

extension JSONReader {
    /// `[floats]` or `[[floats], …]`, told apart by the first element.
    mutating func readDenseOrMultiVector() throws(JSONError) -> Vector {
        if arrayHoldsArrays() {
            return .multi(try array(of: [Float].init(reading:)))
        }
        return .dense(try readFloats())
    }
}

extension JSONWriter {
    package mutating func write(_ vector: Vector) {
        switch vector {
        case .dense(let values): write(values)
        case .sparse(let sparse):
            beginObject()
            key("indices")
            array(sparse.indices) { $0.write(UInt64($1)) }
            key("values")
            write(sparse.values)
            endObject()
        case .multi(let rows): array(rows) { $0.write($1) }
        }
    }

    /// The vectors of a point: of a point that has only the unnamed field a plain list, else a map.
    package mutating func write(vectors: [String: Vector]) {
        if vectors.count == 1, let vector = vectors[defaultVectorName] {
            write(vector)
            return
        }
        beginObject()
        for (name, vector) in vectors.sorted(by: { $0.key < $1.key }) {
            key(name)
            write(vector)
        }
        endObject()
    }
}
