package import ApusCore
package import ApusProto
import SwiftProtobuf

/// A `qdrant.QueryPoints` message, as it is answered.
///
/// Most of them are a vector and a few settings. Their shell is read here, and the vector goes
/// straight into an array of the engine's; parts of it (a filter, parameters) are messages of their
/// own, which SwiftProtobuf reads. It reads all of it where there is something else (a prefetch,
/// another kind of query, a field that comes twice) or something wrong, and says what.
package struct QueryCall: Hashable, Sendable {
    package var collection = ""
    package var request = QueryRequest()
    /// nil: the call says nothing.
    package var timeoutSeconds: Int?

    /// nil: it takes SwiftProtobuf. Throws `DatabaseError` for a message that makes no sense.
    package init?(_ bytes: RawSpan) throws(DatabaseError) {
        do {
            let isRead = try unsafe bytes.withUnsafeBytes { bytes in
                var reader = unsafe ByteReader(bytes)
                return try read(&reader)
            }
            guard isRead else { return nil }
        } catch let error as DatabaseError {
            throw error
        } catch {
            return nil
        }
        try requireAtLeastOne(request.limit, "limit")
    }

    package init(_ message: Qdrant_QueryPoints) throws(DatabaseError) {
        collection = message.collectionName
        request = try QueryRequest(message)
        timeoutSeconds = message.hasTimeout ? Int(clamping: message.timeout) : nil
    }

    private mutating func read(_ reader: inout ByteReader) throws -> Bool {
        var seen: UInt64 = 0
        while !reader.isAtEnd {
            let tag = try reader.readVarInt()
            let bit = UInt64(1) << min(tag >> 3, 63)
            guard seen & bit == 0 else { return false }
            seen |= bit
            switch tag {
            case .message(1): collection = try reader.readString()
            case .message(3):
                var message = try reader.readMessage()
                guard let vector = try Self.nearest(&message) else { return false }
                request.query = .nearest(.vector(.dense(vector)))
            case .message(4): request.using = try reader.readString()
            case .message(5):
                request.filter = try Filter(try Qdrant_Filter(serializedBytes: reader.readPart()))
            case .message(6):
                request.parameters = try SearchParameters(
                    try Qdrant_SearchParams(serializedBytes: reader.readPart()))
            case .fixed32(7): request.scoreThreshold = try reader.readFloat()
            case .varInt(8): request.limit = Int(count: try reader.readVarInt())
            case .varInt(9): request.offset = Int(count: try reader.readVarInt())
            case .message(10):
                request.withVectors = VectorSelector(
                    try Qdrant_WithVectorsSelector(serializedBytes: reader.readPart()))
            case .message(11):
                request.withPayload =
                    try PayloadSelector(
                        try Qdrant_WithPayloadSelector(serializedBytes: reader.readPart())) ?? .none
            case .varInt(15): timeoutSeconds = Int(clamping: try reader.readVarInt())
            default: return false
            }
        }
        return true
    }

    /// The packed vector of `Query.nearest.dense.data`, and nothing else.
    private static func nearest(_ query: inout ByteReader) throws(MalformedBytes) -> [Float]? {
        guard try query.readVarInt() == .message(1) else { return nil }
        var input = try query.readMessage()
        guard query.isAtEnd, try input.readVarInt() == .message(2) else { return nil }
        var dense = try input.readMessage()
        guard input.isAtEnd, try dense.readVarInt() == .message(1) else { return nil }
        let count = try dense.readCount(minimumSize: 1)
        guard count == dense.remaining, count.isMultiple(of: 4) else { return nil }
        return try dense.readFloats(count: count / 4)
    }
}

extension UInt64 {
    // What is in front of a field: its number, and how its value is laid out.
    fileprivate static func varInt(_ field: UInt64) -> UInt64 { field << 3 }
    fileprivate static func message(_ field: UInt64) -> UInt64 { field << 3 | 2 }
    fileprivate static func fixed32(_ field: UInt64) -> UInt64 { field << 3 | 5 }
}

extension ByteReader {
    /// A reader of the message that comes next.
    fileprivate mutating func readMessage() throws(MalformedBytes) -> ByteReader {
        let count = try readCount(minimumSize: 1)
        return unsafe ByteReader(try readBytes(count: count))
    }

    /// The bytes of the message that comes next.
    fileprivate mutating func readPart() throws(MalformedBytes) -> [UInt8] {
        let count = try readCount(minimumSize: 1)
        return unsafe [UInt8](try readBytes(count: count))
    }
}
