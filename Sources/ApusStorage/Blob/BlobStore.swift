/// Where bytes lie that outlive a machine: snapshots and archived logs.
///
/// A blob is a run of bytes under a key. It appears whole or not at all, and is durable when the
/// call that stored it returns. What is stored with `putIfAbsent` never changes; what changes goes
/// through `compareAndSwap`. All methods may be called from any thread; they block, and none
/// retries.
///
/// The methods are those of an object store, so that one can stand here:
///
/// | here | there |
/// |---|---|
/// | `size` | HEAD |
/// | `read` | GET with `Range` |
/// | `putIfAbsent` | PUT with `If-None-Match: *`; 412 is false |
/// | `compareAndSwap` | PUT with `If-Match: <ETag>` (`If-None-Match: *` for nil); 412 is a conflict |
/// | `list` | LIST with a prefix |
/// | `delete` | DELETE |
/// | `removeRemains` | aborting multipart uploads |
package protocol BlobStore: Sendable {
    /// In bytes; nil: no blob has the key.
    func size(of key: RelativePath) throws(StorageError) -> UInt64?

    /// The bytes in the range, which must lie inside of the blob: `.notFound`, `.corrupt` (the blob
    /// ends before).
    func read(_ key: RelativePath, _ range: Range<UInt64>) throws(StorageError) -> [UInt8]

    /// Stores a blob unless the key has one. Of several callers at once exactly one gets true; a
    /// caller that gets false may rely on the key having a whole blob.
    func putIfAbsent(
        _ key: RelativePath, _ content: BlobContent
    ) throws(StorageError) -> Bool

    /// A small blob with the version that `compareAndSwap` wants; nil: no blob has the key.
    func readVersioned(
        _ key: RelativePath
    ) throws(StorageError) -> (bytes: [UInt8], version: BlobVersion)?

    /// Replaces the blob if its version is `expected` (nil: if there is none). Returns the new
    /// version; nil: somebody else was faster, and nothing has changed.
    func compareAndSwap(
        _ key: RelativePath, from expected: BlobVersion?, to bytes: [UInt8]
    ) throws(StorageError) -> BlobVersion?

    /// The keys that start with the text, ascending.
    func list(prefix: String) throws(StorageError) -> [RelativePath]

    /// False: there was none.
    @discardableResult
    func delete(_ key: RelativePath) throws(StorageError) -> Bool

    /// Removes what interrupted calls left under keys that start with the text. No other process
    /// may be storing there.
    func removeRemains(prefix: String) throws(StorageError)
}

/// What a blob is made from.
package enum BlobContent: Sendable {
    case bytes([UInt8])
    /// A file of this machine that is durable and will never change: the store may share it instead
    /// of copying it.
    case file(path: String)
}

/// What a blob was at one moment: equal versions mean equal bytes. What an object store calls ETag.
package struct BlobVersion: Hashable, Sendable {
    package let tag: String

    package init(_ tag: String) { self.tag = tag }
}

extension BlobStore {
    /// The whole of a small blob; nil: no blob has the key.
    package func readAll(_ key: RelativePath) throws(StorageError) -> [UInt8]? {
        guard let size = try size(of: key) else { return nil }
        return try read(key, 0..<size)
    }
}
