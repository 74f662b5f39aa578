internal import ApusPipeline

/// An object of a store, as its listing has it.
package struct StoredObject: Hashable, Sendable {
    package var key: String
    package var size: Int
    /// Changes with the content.
    package var etag: String
    /// Milliseconds since 1970.
    package var modified: Int64?
}

/// Where objects lie under keys.
protocol ObjectStore: Sendable {
    /// Stands before keys where people look for an object.
    var name: String { get }
    /// Some of the objects behind a key (nil: from the first one on), in an order that is always the
    /// same; empty only where there are no more.
    func objects(behind key: String?) async throws -> [StoredObject]
    func content(of object: StoredObject) async throws -> [UInt8]
    /// A part of it, as long as it is the one that was listed, where the store can tell.
    func content(of object: StoredObject, at offset: Int, count: Int) async throws -> [UInt8]
}

/// An object of a store that is read in parts.
struct ObjectBytes: RangedBytes {
    let store: any ObjectStore
    let object: StoredObject
    let path: String

    var size: Int { object.size }
    var pieceSize: Int { 1 << 20 }

    func bytes(at offset: Int, count: Int) async throws -> [UInt8] {
        let count = min(count, max(0, size - offset))
        guard count > 0 else { return [] }
        let bytes = try await store.content(of: object, at: offset, count: count)
        guard bytes.count <= count else {
            throw StageError(
                .fatal, stage: "source",
                "\(path): \(count) bytes were asked for, and \(bytes.count) came")
        }
        return bytes
    }
}
