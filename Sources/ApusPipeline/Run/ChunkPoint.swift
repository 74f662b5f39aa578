package import ApusCore
private import ApusKernels

/// How a chunk of a record lies in a collection.
///
/// Its id follows from pipeline, record and chunk number, so that whoever knows the record finds its
/// chunks, and writing them again changes nothing. The payload's member `_source` says what a later
/// run must know: key, number and count of the chunks, a version that changes with anything that is
/// written, and a hash that changes with what the vector comes from.
package struct ChunkPoint: Hashable, Sendable {
    package static let member = "_source"

    package var key: String
    package var chunk: Int
    /// Chunks of the record.
    package var count: Int
    package var version: String
    package var hash: String

    package init(key: String, chunk: Int, count: Int, version: String, hash: String) {
        self.key = key
        self.chunk = chunk
        self.count = count
        self.version = version
        self.hash = hash
    }

    /// A UUID of version 8 (RFC 9562): the start of a SHA-256 of the three.
    package static func id(pipeline: String, key: String, chunk: Int) -> PointID {
        let digest = digest(of: [pipeline, key, String(chunk)])
        var (high, low): (UInt64, UInt64) = (0, 0)
        for index in 0..<8 {
            high = high << 8 | UInt64(digest[index])
            low = low << 8 | UInt64(digest[index + 8])
        }
        high = high & ~0xf000 | 0x8000
        low = low & ~(3 << 62) | 2 << 62
        return .uuid(UUIDBytes(high: high, low: low))
    }

    /// 32 hexadecimal digits that stand for the texts together.
    package static func hash(of parts: [String]) -> String { hex(digest(of: parts)) }

    static func hash(of bytes: [UInt8]) -> String { hex(SHA256.digest(of: bytes).bytes) }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func hex(_ digest: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(32)
        for byte in digest.prefix(16) {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Of each part with its length, so that parts cannot run into each other.
    private static func digest(of parts: [String]) -> [UInt8] {
        var writer = ByteWriter()
        for part in parts { writer.writeString(part) }
        return SHA256.digest(of: writer.bytes).bytes
    }

    package var value: JSONValue {
        .object([
            "key": .string(key), "chunk": .integer(Int64(chunk)), "chunks": .integer(Int64(count)),
            "version": .string(version), "hash": .string(hash),
        ])
    }

    /// nil: the point is none of a pipeline's.
    package init?(_ payload: Payload?) {
        guard case .object(let members)? = payload?[Self.member],
            case .string(let key)? = members["key"], case .integer(let chunk)? = members["chunk"],
            case .integer(let count)? = members["chunks"],
            case .string(let version)? = members["version"],
            case .string(let hash)? = members["hash"],
            let chunk = Int(exactly: chunk), let count = Int(exactly: count), chunk >= 0,
            count > chunk
        else { return nil }
        self.init(key: key, chunk: chunk, count: count, version: version, hash: hash)
    }
}
