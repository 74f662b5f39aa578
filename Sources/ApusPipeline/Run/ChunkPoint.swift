package import ApusCore
internal import ApusKernels

/// How a chunk of a record lies in a collection.
///
/// Its id follows from pipeline, record and chunk number, so that whoever knows the record finds its
/// chunks, and writing them again changes nothing. The payload's member `_source` says what a later
/// run must know: key, number and count of the chunks, a version that changes with anything that is
/// written, and a hash that changes with what the vector comes from.
package struct ChunkPoint: Hashable, Sendable {
    package static let member = "_source"
    /// Members that a point has beside those that a mapping gives it: this one, text and headings.
    static let membersMax = 3

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
        let words = digest(of: [pipeline, key, String(chunk)]).words
        return .uuid(
            UUIDBytes(high: words[0] & ~0xf000 | 0x8000, low: words[1] & ~(3 << 62) | 2 << 62))
    }

    /// 32 hexadecimal digits that stand for the texts together.
    package static func hash(of parts: [String]) -> String { text(of: digest(of: parts)) }

    /// The start of a digest as 32 hexadecimal digits.
    static func text(of digest: SHA256.Digest) -> String {
        UUIDBytes(high: digest.words[0], low: digest.words[1]).digits
    }

    /// Of each part with its length, so that parts cannot run into each other.
    private static func digest(of parts: [String]) -> SHA256.Digest {
        var writer = ByteWriter()
        for part in parts { writer.writeString(part) }
        return SHA256.digest(of: writer.bytes)
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
