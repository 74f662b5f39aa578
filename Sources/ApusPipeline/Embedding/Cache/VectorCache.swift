private import ApusCore
private import ApusKernels

/// Where vectors of texts are kept between runs and between pipelines.
package protocol VectorCache: Sendable {
    /// As messages name it.
    var name: String { get }
    /// The values of keys, in their order; nil where there is none.
    func values(of keys: [String]) async throws -> [[UInt8]?]
    /// Keeps values, for as long as it likes.
    func keep(_ values: [(key: String, value: [UInt8])]) async throws
}

/// A vector as a cache has it: marked, with what it is of, and with a checksum.
///
/// | offset | size | meaning |
/// |---|---|---|
/// | 0 | 4 | `APV1` |
/// | 4 | 32 | SHA-256 of model, version, dimension and text, each after its length |
/// | 36 | 4 each | the numbers, as many as the dimension says, as 32-bit floats |
/// | end | 4 | CRC-32C of everything before |
///
/// All little-endian. Anything else under a key is no vector.
package struct CachedVector: Sendable {
    private static let mark = Array("APV1".utf8)

    private let digest: [UInt8]
    private let dimension: Int

    package init(of text: String, _ model: EmbeddingModel) {
        dimension = model.dimension
        var writer = ByteWriter()
        for part in [model.id, model.version, String(model.dimension), text] {
            writer.writeString(part)
        }
        digest = SHA256.digest(of: writer.bytes).bytes
    }

    /// Letters, digits and colons.
    package var key: String {
        "apus:v1:"
            + digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// nil where the vector is none that the model should give.
    package func value(_ vector: [Float]) -> [UInt8]? {
        guard vector.count == dimension, vector.allSatisfy(\.isFinite) else { return nil }
        var writer = ByteWriter()
        writer.write(bytes: Self.mark)
        writer.write(bytes: digest)
        writer.write(vector)
        writer.write(CRC32C.checksum(of: writer.bytes))
        return writer.bytes
    }

    /// nil where the bytes are no vector of this text by this model.
    package func vector(_ bytes: [UInt8]) -> [Float]? {
        let start = Self.mark.count + digest.count
        let end = start + 4 * dimension
        guard bytes.count == end + 4, bytes.starts(with: Self.mark + digest) else { return nil }
        func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
        }
        guard word(end) == CRC32C.checksum(of: Array(bytes.prefix(end))) else { return nil }
        let vector = (0..<dimension).map { Float(bitPattern: word(start + 4 * $0)) }
        return vector.allSatisfy(\.isFinite) ? vector : nil
    }
}
