private import CApusSystem

/// Keeps a database directory to one process: an exclusive lock on `DIRECTORY/LOCK`, held as long
/// as this object lives. The system frees it when the process dies, however it dies.
package final class DirectoryLock: Sendable {
    package let directory: String
    private let lock: any FileLock

    /// Throws `.locked`, naming the directory and the holder's process id, when it is taken.
    package init(
        fileSystem: any FileSystem = PosixFileSystem(), directory: String
    ) throws(StorageError) {
        self.directory = directory
        let path = "\(directory)/\(FileName.lock)"
        do throws(StorageError) {
            lock = try fileSystem.lock(path, note: "process \(capus_process_id())")
        } catch  where error.kind == .locked {
            throw StorageError(
                .locked, path: directory, "the directory is \(error.message) (\(FileName.lock))")
        }
    }

    package func release() { lock.release() }
}
