package import ApusCore
import ApusProto
import SwiftProtobuf

/// A `qdrant.QueryResponse` message as bytes.
///
/// What every point has (id, score, version) is written here; payloads, vectors and the like are
/// SwiftProtobuf's.
package struct QueryReply: Sendable {
    package let bytes: [UInt8]

    /// - Parameter seconds: how long it took.
    package init(_ points: [ScoredPoint], seconds: Double) throws {
        var writer = ByteWriter(reservingCapacity: 16 + points.count * 64)
        for point in points { try writer.write(point) }
        writer.tag(2, wire: 1)
        writer.write(seconds)
        bytes = writer.bytes
    }
}

extension ByteWriter {
    /// Field 1 of the response: a `qdrant.ScoredPoint`.
    fileprivate mutating func write(_ point: ScoredPoint) throws {
        let rest: [UInt8] =
            point.payload == nil && point.vectors == nil && point.orderValue == nil
            ? [] : try Qdrant_ScoredPoint(besidesScore: point).serializedBytes()
        let version = point.version.rawValue
        let idByteCount = point.id.messageByteCount
        tag(1, wire: 2)
        writeVarInt(
            UInt64(2 + idByteCount + 5 + 1 + version.varIntByteCount + rest.count))
        tag(1, wire: 2)
        writeVarInt(UInt64(idByteCount))
        write(message: point.id)
        tag(3, wire: 5)
        write(point.score)
        tag(5, wire: 0)
        writeVarInt(version)
        if !rest.isEmpty { write(bytes: rest) }
    }

    /// A `qdrant.PointId`.
    private mutating func write(message id: PointID) {
        switch id {
        case .number(let number):
            tag(1, wire: 0)
            writeVarInt(number)
        case .uuid(let uuid):
            tag(2, wire: 2)
            writeString(uuid.description)
        }
    }

    /// What is in front of a field: its number, below 16, and how its value is laid out.
    fileprivate mutating func tag(_ field: UInt8, wire: UInt8) { write(field << 3 | wire) }
}

extension PointID {
    fileprivate var messageByteCount: Int {
        switch self {
        case .number(let number): 1 + number.varIntByteCount
        // Hexadecimal digits and hyphens.
        case .uuid: 2 + 36
        }
    }
}

extension UInt64 {
    fileprivate var varIntByteCount: Int { self == 0 ? 1 : (70 - leadingZeroBitCount) / 7 }
}
