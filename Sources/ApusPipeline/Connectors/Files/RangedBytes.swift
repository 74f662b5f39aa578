/// Bytes that can be read at any offset: a file, or an object of a store.
package protocol RangedBytes: Sendable {
    /// As messages name it.
    var path: String { get }
    var size: Int { get }
    /// Bytes that are worth asking for at once.
    var pieceSize: Int { get }
    /// The bytes from `offset` on: `count` of them, fewer only at the end.
    func bytes(at offset: Int, count: Int) async throws -> [UInt8]
}

extension InputFile: RangedBytes {
    package var pieceSize: Int { 1 << 16 }

    package func bytes(at offset: Int, count: Int) async throws -> [UInt8] {
        try read(at: offset, count: count)
    }
}
