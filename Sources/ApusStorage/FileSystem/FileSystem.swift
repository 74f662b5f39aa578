/// Everything that storage asks of a file system. All of storage goes through it, so that tests can
/// put a simulated one in its place.
///
/// Paths are plain strings with `/` between names. Calls block; none retries after an error.
/// A file's bytes are safe from a power loss after `File.synchronize()`; its name is only after
/// `synchronizeDirectory` of the directory that holds it.
package protocol FileSystem: Sendable {
    func open(_ path: String, _ mode: FileMode) throws(StorageError) -> any File

    /// The file's present bytes, mapped for reading.
    func map(_ path: String) throws(StorageError) -> MappedFile

    /// Atomically replaces what `destination` names, if anything.
    func rename(_ source: String, to destination: String) throws(StorageError)

    /// A second name for the same file.
    func link(_ source: String, to destination: String) throws(StorageError)

    func remove(_ path: String) throws(StorageError)

    /// The names in a directory, ascending.
    func list(_ directory: String) throws(StorageError) -> [String]

    /// One directory, in an existing one.
    func makeDirectory(_ path: String) throws(StorageError)

    /// An empty directory.
    func removeDirectory(_ path: String) throws(StorageError)

    /// What a path names, through links; nil: nothing.
    func kind(of path: String) throws(StorageError) -> FileKind?

    /// Whether a path names a symbolic link itself.
    func isLink(_ path: String) throws(StorageError) -> Bool

    /// Makes the names in a directory durable: files created, renamed and removed in it.
    func synchronizeDirectory(_ path: String) throws(StorageError)

    /// Bytes that can still be written to the disk that holds the path; a guess, as others write
    /// too. Nil: there is no bound.
    func freeByteCount(of path: String) throws(StorageError) -> UInt64?

    /// Takes the exclusive lock of a file, creating it when it is not there, and writes `note` into
    /// it. Throws `.locked`, with the holder's note in the message, without waiting.
    func lock(_ path: String, note: String) throws(StorageError) -> any FileLock
}

package enum FileKind: Hashable, Sendable {
    case file
    case directory
}

package enum FileMode: Hashable, Sendable {
    /// An existing file, for reading.
    case read
    /// An existing file.
    case readWrite
    /// `.alreadyExists` when it is there.
    case createNew
    /// Cut to nothing when it is there.
    case createEmpty
}

/// An open file; closed when its last reference goes. Safe to use from several threads.
package protocol File: AnyObject, Sendable {
    var path: String { get }

    /// Writes all bytes at `offset`. After an error any part of them may be written.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StorageError)

    /// Fills `target` from `offset` on; the number of bytes read is smaller only at the end.
    func read(
        into target: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(StorageError) -> Int

    func size() throws(StorageError) -> UInt64

    func truncate(to size: UInt64) throws(StorageError)

    /// Grows the file with zeros to `size`, nothing when it is as large. The space is the file's
    /// own: writing there cannot fail with `.outOfSpace` later, except on file systems that can
    /// only promise a size. After an error the file may have grown in part.
    func allocate(upTo size: UInt64) throws(StorageError)

    /// Data and size on disk. After an error the state on disk is unknown, and calling again would
    /// not make it known: give the file up.
    func synchronize() throws(StorageError)
}

/// Holds a lock until it is released or its last reference goes.
package protocol FileLock: AnyObject, Sendable {
    var path: String { get }
    func release()
}

extension File {
    package func write(_ bytes: [UInt8], at offset: UInt64) throws(StorageError) {
        try unsafe bytes.span.withUnsafeBytes { (buffer) throws(StorageError) in
            unsafe try write(buffer, at: offset)
        }
    }
}

extension FileSystem {
    /// The whole file. For small files; `map` serves large ones.
    package func read(_ path: String) throws(StorageError) -> [UInt8] {
        let file = try open(path, .read)
        let size = try file.size()
        guard let count = Int(exactly: size) else {
            throw .corrupt(path, "a file of \(size) bytes")
        }
        return try file.bytes(at: 0, count: count)
    }

    /// The whole file in memory of its own. Bytes that the disk does not give are an error here,
    /// where a mapped file ends the process.
    package func load(_ path: String) throws(StorageError) -> MappedFile {
        let bytes = try read(path)
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: bytes.count, alignment: 64)
        unsafe memory.copyBytes(from: bytes)
        return unsafe MappedFile(path: path, bytes: UnsafeRawBufferPointer(memory)) {
            unsafe $0.deallocate()
        }
    }

    /// Puts a small file in place so that a crash leaves either the old content or the new one:
    /// a temporary file is written, synced and renamed. The caller syncs the directory.
    package func replace(_ path: String, with bytes: [UInt8]) throws(StorageError) {
        let temporary = path + FileName.temporarySuffix
        do throws(StorageError) {
            let file = try open(temporary, .createEmpty)
            try file.write(bytes, at: 0)
            try file.synchronize()
            try rename(temporary, to: path)
        } catch {
            // Best effort: a stray temporary file is removed at the next open.
            try? remove(temporary)
            throw error
        }
    }

    /// Makes a directory unless it is there.
    package func makeDirectoryIfNeeded(_ path: String) throws(StorageError) {
        if try kind(of: path) == .directory { return }
        try makeDirectory(path)
    }

    /// A directory with all that is in it. Links inside of it are removed, not what they lead to; a
    /// directory that is a link itself is emptied first.
    package func removeTree(_ path: String) throws(StorageError) {
        for name in try list(path) {
            let child = "\(path)/\(name)"
            if try !isLink(child), try kind(of: child) == .directory {
                try removeTree(child)
            } else {
                try remove(child)
            }
        }
        if try isLink(path) { return try remove(path) }
        try removeDirectory(path)
    }
}
