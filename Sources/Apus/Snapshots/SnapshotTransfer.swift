internal import ApusCore
internal import ApusStorage
private import Foundation
internal import Synchronization

/// A snapshot on its way out: its archive, piece by piece. Safe to use from several threads, one
/// after the other.
package final class SnapshotDownload: Sendable {
    package let description: SnapshotDescription
    private let stream: Mutex<ArchiveStream>

    init(_ archive: (description: SnapshotDescription, stream: ArchiveStream)) {
        description = archive.description
        stream = Mutex(archive.stream)
    }

    /// The next bytes; nil after the last. Blocks. Throws when a file is not what it was: what went
    /// out before is then not the whole.
    package func next() throws -> [UInt8]? {
        try DatabaseError.translating { try stream.withLock { try $0.next() } }
    }
}

/// A snapshot on its way in: a file beside the database, which goes with this object, and at the
/// next start after a crash.
package final class SnapshotUpload: Sendable {
    package let path: String
    private let fileSystem: any FileSystem
    private let file: Mutex<(file: any File, byteCount: UInt64)>

    fileprivate init(path: String, fileSystem: any FileSystem) throws(StorageError) {
        self.path = path
        self.fileSystem = fileSystem
        file = Mutex((try fileSystem.open(path, .createNew), 0))
    }

    deinit { try? fileSystem.remove(path) }

    /// Blocks.
    package func append(_ bytes: [UInt8]) throws {
        try DatabaseError.translating {
            try file.withLock { state in
                try state.file.write(bytes, at: state.byteCount)
                state.byteCount += UInt64(bytes.count)
            }
        }
    }

    package var byteCount: UInt64 { file.withLock { $0.byteCount } }
}

extension Database {
    /// The archive of a snapshot of one collection, or of the whole database.
    package func download(
        _ snapshot: String, of collection: String?
    ) throws -> SnapshotDownload {
        guard let collection else { return SnapshotDownload(try snapshotArchive(snapshot)) }
        return SnapshotDownload(try self.collection(collection).snapshotArchive(snapshot))
    }

    /// A place for an archive that comes in.
    package func makeUpload() throws -> SnapshotUpload {
        try DatabaseError.translating {
            let directory = "\(path)/\(Name.temporaryPrefix)uploads"
            try context.fileSystem.makeDirectoryIfNeeded(directory)
            let number = String(UInt64.random(in: .min ... .max), radix: 16)
            return try SnapshotUpload(
                path: "\(directory)/\(number)", fileSystem: context.fileSystem)
        }
    }

    /// What lies at a path, which must be one below the directory of snapshots: a client may not
    /// make the server read any other file.
    package func snapshotSource(atPath text: String) throws -> SnapshotSource {
        func resolved(_ path: String) -> String {
            URL(filePath: path).standardizedFileURL.resolvingSymlinksInPath().path
        }
        let root = resolved(
            context.configuration.snapshotDirectory ?? "\(path)/\(SnapshotStore.directoryName)")
        let file = resolved(text)
        guard file.hasPrefix(root + "/"),
            let below = RelativePath(String(file.dropFirst(root.count + 1)))
        else {
            throw DatabaseError(
                .permissionDenied,
                "Forbidden: `\(text)` is not below the directory of snapshots, \(root)")
        }
        return try DatabaseError.translating {
            let names = below.names.map(String.init)
            let parts = names.first == "collections" ? Array(names.dropFirst()) : names
            if parts.count == 2, let collection = CollectionFiles.collection(ofDirectory: parts[0]),
                try context.snapshots.record(named: parts[1], of: .collection(collection)) != nil
            {
                return .snapshot(name: parts[1], collection: collection)
            }
            guard try context.fileSystem.kind(of: file) == .file else {
                throw DatabaseError.snapshotNotFound(text)
            }
            return .archive(path: file)
        }
    }
}

extension Database {
    /// Writes a snapshot of one collection, or of the whole database, as one file, durable under
    /// its name when this returns. Blocks.
    package func writeArchive(
        _ snapshot: String, of collection: String?, to path: String
    ) throws {
        let archive =
            if let collection {
                try self.collection(collection).snapshotArchive(snapshot)
            } else {
                try snapshotArchive(snapshot)
            }
        try DatabaseError.translating {
            try context.fileSystem.write(archive.stream, to: path)
            let slash = path.lastIndex(of: "/")
            let parent = slash.map { String(path[..<$0]) } ?? "."
            try context.fileSystem.synchronizeDirectory(parent.isEmpty ? "/" : parent)
        }
    }
}
