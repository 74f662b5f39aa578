package import ApusCore
package import ApusProto
private import ApusText

extension Vector {
    /// Reads the newer form (the oneof) and, when that is absent, the older one: `data` alone, with
    /// `indices` for a sparse vector, or with `vectors_count` for several of equal length.
    package init(_ message: Qdrant_Vector) throws(DatabaseError) {
        switch message.vector {
        case .dense(let dense): self = .dense(dense.data)
        case .sparse(let sparse): self = .sparse(SparseVector(sparse))
        case .multiDense(let multi): self = .multi(multi.vectors.map(\.data))
        case .document(let document): self = try InferredDocument(document).stored()
        case .image, .object: throw .inferenceNotSupported
        case nil:
            if message.hasIndices {
                self = .sparse(SparseVector(indices: message.indices.data, values: message.data))
            } else if message.hasVectorsCount {
                self = .multi(try Self.rows(message.data, count: message.vectorsCount))
            } else {
                self = .dense(message.data)
            }
        }
    }

    /// Cuts a concatenation of `count` vectors of one length.
    private static func rows(
        _ data: [Float], count: UInt32
    ) throws(DatabaseError) -> [[Float]] {
        let count = Int(count)
        guard count > 0, data.count.isMultiple(of: count), !data.isEmpty else {
            throw .wrongInput(
                "A multivector of \(data.count) numbers cannot be cut into \(count) vectors")
        }
        let length = data.count / count
        return (0..<count).map { Array(data[($0 * length)..<(($0 + 1) * length)]) }
    }
}

extension SparseVector {
    package init(_ message: Qdrant_SparseVector) {
        self.init(indices: message.indices, values: message.values)
    }
}

extension VectorInput {
    package init(_ message: Qdrant_VectorInput) throws(DatabaseError) {
        switch message.variant {
        case .id(let id): self = .id(try PointID(id))
        case .dense(let dense): self = .vector(.dense(dense.data))
        case .sparse(let sparse): self = .vector(.sparse(SparseVector(sparse)))
        case .multiDense(let multi): self = .vector(.multi(multi.vectors.map(\.data)))
        case .document(let document): self = .vector(try InferredDocument(document).query())
        case .image, .object: throw .inferenceNotSupported
        case nil: throw .wrongInput("A query vector is missing")
        }
    }
}

/// The vectors of a point by field name.
package func vectorsByName(
    _ message: Qdrant_Vectors
) throws(DatabaseError) -> [String: Vector] {
    switch message.vectorsOptions {
    case .vector(let vector): return [defaultVectorName: try Vector(vector)]
    case .vectors(let named):
        var vectors: [String: Vector] = [:]
        for (name, vector) in named.vectors { vectors[name] = try Vector(vector) }
        return vectors
    case nil: return [:]
    }
}

extension DatabaseError {
    fileprivate static let inferenceNotSupported = DatabaseError(
        .unimplemented, "Embedding of images and objects is not supported")
}

extension InferredDocument {
    fileprivate init(_ message: Qdrant_Document) {
        self.init(
            text: message.text, model: message.model,
            options: message.options.mapValues { JSONValue($0) })
    }
}

extension Qdrant_Vector {
    package init(_ vector: Vector) {
        self.init()
        switch vector {
        case .dense(let values): dense.data = values
        case .sparse(let value): sparse = Qdrant_SparseVector(value)
        case .multi(let rows): multiDense = Qdrant_MultiDenseVector(rows)
        }
    }
}

extension Qdrant_Vectors {
    /// One vector in the unnamed field travels without its name.
    package init(_ vectors: [String: Vector]) {
        self.init()
        if vectors.count == 1, let only = vectors[defaultVectorName] {
            vector = Qdrant_Vector(only)
        } else {
            self.vectors.vectors = vectors.mapValues { Qdrant_Vector($0) }
        }
    }
}

extension Qdrant_VectorOutput {
    /// Fills the oneof, which clients from 1.16 on read, and the older fields for the others.
    package init(_ vector: Vector) {
        self.init()
        switch vector {
        case .dense(let values):
            dense.data = values
            data = values
        case .sparse(let value):
            sparse = Qdrant_SparseVector(value)
            data = value.values
            indices.data = value.indices
        case .multi(let rows):
            multiDense = Qdrant_MultiDenseVector(rows)
            data = rows.flatMap { $0 }
            vectorsCount = UInt32(clamping: rows.count)
        }
    }
}

extension Qdrant_VectorsOutput {
    /// One vector in the unnamed field travels without its name.
    package init(_ vectors: [String: Vector]) {
        self.init()
        if vectors.count == 1, let only = vectors[defaultVectorName] {
            vector = Qdrant_VectorOutput(only)
        } else {
            self.vectors.vectors = vectors.mapValues { Qdrant_VectorOutput($0) }
        }
    }
}

extension Qdrant_SparseVector {
    init(_ vector: SparseVector) {
        self.init()
        indices = vector.indices
        values = vector.values
    }
}

extension Qdrant_MultiDenseVector {
    init(_ rows: [[Float]]) {
        self.init()
        vectors = rows.map { row in
            var dense = Qdrant_DenseVector()
            dense.data = row
            return dense
        }
    }
}
