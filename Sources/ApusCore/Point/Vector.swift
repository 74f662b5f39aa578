/// One value of a named vector field.
public enum Vector: Hashable, Sendable {
    /// `[dimension]` floats.
    case dense([Float])
    case sparse(SparseVector)
    /// Several dense vectors of one dimension (late interaction), compared by MaxSim.
    case multi([[Float]])
}

/// The non-zero components of a vector over a large vocabulary.
///
/// `indices` and `values` have one length; indices are distinct. After `sorted()` they ascend.
public struct SparseVector: Hashable, Sendable {
    public var indices: [UInt32]
    public var values: [Float]

    public init(indices: [UInt32], values: [Float]) {
        self.indices = indices
        self.values = values
    }

    /// The same vector with ascending indices.
    public func sorted() -> SparseVector {
        let order = indices.indices.sorted { indices[$0] < indices[$1] }
        return SparseVector(indices: order.map { indices[$0] }, values: order.map { values[$0] })
    }
}

/// The name of the vector field that a collection has when its schema names none.
public let defaultVectorName = ""

/// A point as a caller writes it.
public struct Point: Hashable, Sendable {
    public var id: PointID
    /// By field name; the unnamed field is `""`. A point may lack some fields.
    public var vectors: [String: Vector]
    public var payload: Payload

    public init(id: PointID, vectors: [String: Vector], payload: Payload = [:]) {
        self.id = id
        self.vectors = vectors
        self.payload = payload
    }

    /// A point with one dense vector in the unnamed field.
    public init(id: PointID, vector: [Float], payload: Payload = [:]) {
        self.init(id: id, vectors: [defaultVectorName: .dense(vector)], payload: payload)
    }
}
