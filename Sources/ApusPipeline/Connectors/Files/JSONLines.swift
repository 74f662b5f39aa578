package import ApusCore

extension LineReader {
    /// The payload that `line`, just read, holds: a JSON object.
    package func payload(_ line: [UInt8]) throws(PipelineError) -> Payload {
        try parse(line) { (parser) throws(MalformedJSON) in try parser.readObject() }
    }

    /// The point that `line`, just read, holds:
    /// `{"id": 7, "vector": [0.1, 0.2], "payload": {"year": 2024}}`.
    ///
    /// An id is an unsigned integer or a UUID. `vector` is an array of numbers, or an object from
    /// vector names to one of: an array of numbers, an array of such arrays (a multivector), or
    /// `{"indices": […], "values": […]}` (a sparse vector). Other keys are errors, so that a
    /// misspelt one does not pass unseen.
    package func point(_ line: [UInt8]) throws(PipelineError) -> Point {
        try parse(line) { (parser) throws(MalformedJSON) in try parser.readPoint() }
    }

    private func parse<Value>(
        _ line: [UInt8], _ read: (inout JSONParser) throws(MalformedJSON) -> Value
    ) throws(PipelineError) -> Value {
        do throws(MalformedJSON) {
            var parser = JSONParser(line)
            let value = try read(&parser)
            try parser.readEnd()
            return value
        } catch {
            throw .malformed(
                file: file.path, .line(lineNumber, column: error.offset + 1),
                expected: error.expected, found: error.found)
        }
    }
}

extension JSONParser {
    fileprivate mutating func readPoint() throws(MalformedJSON) -> Point {
        var id: PointID?
        var vectors: [String: Vector]?
        var payload: Payload = [:]
        try beginObject()
        while let key = try nextKey() {
            switch key {
            case "id": id = try readID()
            case "vector": vectors = try readVectors()
            case "payload": payload = try readObject()
            default:
                throw MalformedJSON(
                    offset: offset, expected: "\"id\", \"vector\" or \"payload\"",
                    found: "\"\(key)\"")
            }
        }
        guard let id else { throw missing("id") }
        guard let vectors else { throw missing("vector") }
        return Point(id: id, vectors: vectors, payload: payload)
    }

    private func missing(_ key: String) -> MalformedJSON {
        MalformedJSON(offset: offset, expected: "an object with \"\(key)\"", found: "none")
    }

    private mutating func readID() throws(MalformedJSON) -> PointID {
        guard try peek("an id") == UInt8(ascii: "\"") else { return .number(try readUnsigned()) }
        let start = offset
        let text = try readString()
        guard let uuid = UUIDBytes(text) else {
            throw MalformedJSON(
                offset: start, expected: "an unsigned integer or a UUID", found: "\"\(text)\"")
        }
        return .uuid(uuid)
    }

    private mutating func readVectors() throws(MalformedJSON) -> [String: Vector] {
        guard try peek("a vector") == UInt8(ascii: "{") else {
            return [defaultVectorName: try readVector()]
        }
        var vectors: [String: Vector] = [:]
        try beginObject()
        while let name = try nextKey() { vectors[name] = try readVector() }
        return vectors
    }

    private mutating func readVector() throws(MalformedJSON) -> Vector {
        if try peek("a vector") == UInt8(ascii: "{") { return .sparse(try readSparse()) }
        var values: [Float] = []
        var rows: [[Float]] = []
        try beginArray()
        while try nextElement() {
            if try peek("a number") == UInt8(ascii: "["), values.isEmpty {
                rows.append(try readFloats())
            } else {
                guard rows.isEmpty else { throw malformed("'['") }
                values.append(try readFloat())
            }
        }
        return rows.isEmpty ? .dense(values) : .multi(rows)
    }

    private mutating func readFloats() throws(MalformedJSON) -> [Float] {
        var values: [Float] = []
        try beginArray()
        while try nextElement() { values.append(try readFloat()) }
        return values
    }

    private mutating func readSparse() throws(MalformedJSON) -> SparseVector {
        var vector = SparseVector(indices: [], values: [])
        try beginObject()
        while let key = try nextKey() {
            switch key {
            case "indices":
                vector.indices = []
                try beginArray()
                while try nextElement() { vector.indices.append(try readUnsigned()) }
            case "values": vector.values = try readFloats()
            default:
                throw MalformedJSON(
                    offset: offset, expected: "\"indices\" or \"values\"", found: "\"\(key)\"")
            }
        }
        guard vector.indices.count == vector.values.count else {
            throw MalformedJSON(
                offset: offset, expected: "as many values as indices",
                found: "\(vector.values.count) values and \(vector.indices.count) indices")
        }
        return vector
    }
}
