/// What a file of a database is, by its first bytes.
package enum StoredFileKind: Hashable, Sendable {
    case wal
    case segment
    case manifest
    case deletions

    /// nil: no file of ours, or one without a magic number (APUS, CURRENT, LOCK).
    package static func identify(
        fileSystem: any FileSystem = PosixFileSystem(), path: String
    ) throws(StorageError) -> StoredFileKind? {
        let file = try fileSystem.open(path, .read)
        var bytes = [UInt8](repeating: 0, count: 4)
        let count = try unsafe withRawBytes(of: &bytes) { (buffer) throws(StorageError) in
            unsafe try file.read(into: buffer, at: 0)
        }
        guard count == bytes.count else { return nil }
        switch bytes.reversed().reduce(UInt32(0), { $0 << 8 | UInt32($1) }) {
        case WALFormat.magic: return .wal
        case SegmentFormat.magic: return .segment
        case ManifestFormat.magic: return .manifest
        case DeletionFile.magic: return .deletions
        default: return nil
        }
    }

    private static func withRawBytes(
        of bytes: inout [UInt8],
        _ body: (UnsafeMutableRawBufferPointer) throws(StorageError) -> Int
    ) throws(StorageError) -> Int {
        var span = bytes.mutableSpan
        return try unsafe span.withUnsafeMutableBytes(body)
    }
}
