/// The binary form of ids and vectors, in WAL records.
///
/// An id is a tag (0: number, 1: UUID) and the number as varint, or the UUID's two halves, high
/// half first, as u64 each. A vector is a tag and then
/// - 0, dense: dimension as varint, that many f32;
/// - 1, sparse: count as varint, that many u32 indices, that many f32 values;
/// - 2, multi: number of vectors and their dimension as varints, all components as f32; all
///   vectors have one dimension.
extension ByteWriter {
    package mutating func write(_ id: PointID) {
        switch id {
        case .number(let number):
            write(UInt8(0))
            writeVarInt(number)
        case .uuid(let uuid):
            write(UInt8(1))
            write(uuid.high)
            write(uuid.low)
        }
    }

    /// Appends a vector. A sparse one must have as many values as indices, the parts of a multi
    /// vector one dimension: what the engine validates before it writes.
    package mutating func write(_ vector: Vector) {
        switch vector {
        case .dense(let components):
            write(UInt8(0))
            writeVarInt(UInt64(components.count))
            write(components)
        case .sparse(let sparse):
            precondition(sparse.indices.count == sparse.values.count)
            write(UInt8(1))
            writeVarInt(UInt64(sparse.indices.count))
            write(sparse.indices)
            write(sparse.values)
        case .multi(let parts):
            let dimension = parts.first?.count ?? 0
            precondition(parts.allSatisfy { $0.count == dimension })
            write(UInt8(2))
            writeVarInt(UInt64(parts.count))
            writeVarInt(UInt64(dimension))
            for part in parts { write(part) }
        }
    }
}

extension ByteReader {
    package mutating func readPointID() throws(MalformedBytes) -> PointID {
        let tag: UInt8 = try read()
        switch tag {
        case 0: return .number(try readVarInt())
        case 1: return .uuid(UUIDBytes(high: try read(), low: try read()))
        default: throw MalformedBytes("a point id with unknown tag \(tag)", offset: offset - 1)
        }
    }

    package mutating func readVector() throws(MalformedBytes) -> Vector {
        let tag: UInt8 = try read()
        switch tag {
        case 0: return .dense(try readFloats(count: try readCount(minimumSize: 4)))
        case 1:
            let count = try readCount(minimumSize: 8)
            return .sparse(
                SparseVector(
                    indices: try readUInt32s(count: count), values: try readFloats(count: count)))
        case 2: return .multi(try readMultiVector())
        default: throw MalformedBytes("a vector with unknown tag \(tag)", offset: offset - 1)
        }
    }

    /// Passes over a vector, and lends the floats of a multi-vector, one part behind the other; nil:
    /// it is of another kind.
    package mutating func readParts() throws(MalformedBytes) -> (
        dimension: Int, bytes: UnsafeRawBufferPointer
    )? {
        let tag: UInt8 = try read()
        switch tag {
        case 0: _ = unsafe try readBytes(count: 4 * (try readCount(minimumSize: 4)))
        case 1: _ = unsafe try readBytes(count: 8 * (try readCount(minimumSize: 8)))
        case 2:
            let (count, dimension) = try readShape()
            return unsafe (dimension, try readBytes(count: 4 * count * dimension))
        default: throw MalformedBytes("a vector with unknown tag \(tag)", offset: offset - 1)
        }
        return nil
    }

    private mutating func readMultiVector() throws(MalformedBytes) -> [[Float]] {
        let (count, dimension) = try readShape()
        var parts: [[Float]] = []
        parts.reserveCapacity(count)
        for _ in 0..<count { parts.append(try readFloats(count: dimension)) }
        return parts
    }

    /// Of a multi-vector, whose floats are there.
    private mutating func readShape() throws(MalformedBytes) -> (count: Int, dimension: Int) {
        let count = try readCount(minimumSize: 0)
        let dimension = try readCount(minimumSize: 4)
        guard count == 0 || (dimension > 0 && count <= remaining / (4 * dimension)) else {
            throw MalformedBytes(
                "\(count) vectors of dimension \(dimension), with \(remaining) bytes left",
                offset: offset)
        }
        return (count, dimension)
    }
}
