package import ApusCore
internal import ApusKernels

/// A point as the log and segments hold it: validated, normalised under cosine, encoded.
package struct StoredPoint: Sendable {
    package var id: PointID
    /// By field name, `[dimension]` each.
    package var dense: [String: [Float]]
    /// Encoded payload.
    package var payload: [UInt8]
    /// Sparse and multi vectors by field name; `extras` is their encoded form.
    package let others: [String: Vector]
    package let extras: [UInt8]

    package init(
        id: PointID, dense: [String: [Float]], payload: [UInt8], others: [String: Vector]
    ) {
        self.id = id
        self.dense = dense
        self.payload = payload
        self.others = others
        extras = RowExtras.encode(others)
    }

    package init(
        id: PointID, dense: [String: [Float]], payload: [UInt8], encodedExtras: [UInt8]
    ) throws(MalformedBytes) {
        self.id = id
        self.dense = dense
        self.payload = payload
        extras = encodedExtras
        others = try RowExtras.decode(encodedExtras)
    }

    package var blobByteCount: Int { payload.count + extras.count }

    package func hasVector(_ name: String) -> Bool { dense[name] != nil || others[name] != nil }
}

/// The sparse and multi vectors of a row as one run of bytes: a count, then name and vector each,
/// by ascending name; no bytes at all when there are none.
package enum RowExtras {
    package static func encode(_ vectors: [String: Vector]) -> [UInt8] {
        guard !vectors.isEmpty else { return [] }
        var writer = ByteWriter()
        writer.writeVarInt(UInt64(vectors.count))
        for (name, vector) in vectors.sorted(by: { $0.key < $1.key }) {
            writer.writeString(name)
            writer.write(vector)
        }
        return writer.bytes
    }

    package static func decode(_ bytes: [UInt8]) throws(MalformedBytes) -> [String: Vector] {
        guard !bytes.isEmpty else { return [:] }
        return try decoding(bytes) { (reader) throws(MalformedBytes) in
            var result: [String: Vector] = [:]
            for _ in 0..<(try reader.readCount(minimumSize: 2)) {
                let name = try reader.readString()
                result[name] = try reader.readVector()
            }
            return result
        }
    }

    /// The vectors of one multi-vector field, without those of other fields; false: there are none.
    static func takeParts(
        of field: String, from bytes: UnsafeRawBufferPointer, dimension: Int,
        into block: inout VectorBlock
    ) throws(MalformedBytes) -> Bool {
        var reader = unsafe ByteReader(bytes)
        guard !reader.isAtEnd else { return false }
        for _ in 0..<(try reader.readCount(minimumSize: 2)) {
            let name = try reader.readString()
            let start = reader.offset
            let parts = unsafe try reader.readParts()
            guard name == field, let (partDimension, floats) = unsafe parts else { continue }
            guard partDimension == dimension else {
                throw MalformedBytes(
                    "vectors of dimension \(partDimension) in a field of \(dimension)",
                    offset: start)
            }
            unsafe block.take(floats)
            return true
        }
        return false
    }
}

/// Runs `body` with a reader over the bytes.
package func decoding<Value>(
    _ bytes: [UInt8], _ body: (inout ByteReader) throws(MalformedBytes) -> Value
) throws(MalformedBytes) -> Value {
    let result: Result<Value, MalformedBytes> = unsafe bytes.withUnsafeBytes { buffer in
        var reader = unsafe ByteReader(buffer)
        do throws(MalformedBytes) { return .success(try body(&reader)) } catch {
            return .failure(error)
        }
    }
    return try result.get()
}
