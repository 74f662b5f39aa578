package import ApusCore

extension Vector {
    /// A vector of a named field: a list, a list of lists, or `{indices, values}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        switch try reader.peek() {
        case .array: self = try reader.readDenseOrMultiVector()
        case .object: self = .sparse(try SparseVector(reading: &reader))
        case .string, .number, .bool, .null:
            throw reader.unexpected(expecting: "a vector")
        }
    }

    /// Members with a text that only an inference object has; in a map they would be vectors.
    private static let inferenceKeys: Set<String> = ["text", "image", "object", "model"]

    /// The vectors of a point: one of the unnamed field (a list or a list of lists), or a map from
    /// field names to vectors.
    package static func fields(
        reading reader: inout JSONReader
    ) throws(JSONError) -> [String: Vector] {
        switch try reader.peek() {
        case .array:
            return [defaultVectorName: try reader.readDenseOrMultiVector()]
        case .object:
            var fields: [String: Vector] = [:]
            try reader.beginObject()
            while let name = try reader.nextKey() {
                if try reader.peek() == .string, inferenceKeys.contains(name) {
                    throw reader.inferenceUnsupported()
                }
                fields[name] = try Vector(reading: &reader)
            }
            return fields
        case .string, .number, .bool, .null:
            throw reader.unexpected(expecting: "a vector or a map of named vectors")
        }
    }
}

extension SparseVector {
    /// `{"indices": [u32], "values": [float]}`; whether the two fit each other is for the engine
    /// to check.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var parts = SparseVectorParts()
        try reader.beginObject()
        while let key = try reader.nextKey() { try parts.read(key, &reader) }
        self = try parts.vector(reader, at: start)
    }
}

/// The members of an object that stands where a vector may stand.
struct SparseVectorParts {
    private var indices: [UInt32]?
    private var values: [Float]?

    /// Throws for what says that a model would have to make the vector; passes over the unknown.
    mutating func read(_ name: String, _ reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "indices": indices = try reader.array(of: Self.readIndex)
        case "values": values = try reader.readFloats()
        case "model": throw reader.inferenceUnsupported()
        default: try reader.skipValue()
        }
    }

    func vector(_ reader: JSONReader, at start: Int) throws(JSONError) -> SparseVector {
        SparseVector(
            indices: try reader.require(indices, "indices", ofObjectAt: start),
            values: try reader.require(values, "values", ofObjectAt: start))
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

extension JSONReader {
    /// `[floats]` or `[[floats], …]`, told apart by the first element.
    mutating func readDenseOrMultiVector() throws(JSONError) -> Vector {
        if arrayHoldsArrays() {
            return .multi(try array(of: [Float].init(reading:)))
        }
        return .dense(try readFloats())
    }

    func inferenceUnsupported() -> JSONError {
        JSONError(
            .unsupported, "inference (document, image or object instead of a vector)",
            offset: offset)
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
