import ApusStorage
import Synchronization

/// The real file system with faults on demand: a disk that is full after so many bytes, a call that
/// fails, a sync that waits until the test lets it go. Counts what it is asked. Syncs are only
/// counted, not done: no test takes the power away.
final class FaultyFileSystem: FileSystem {
    struct Faults: Sendable {
        /// Bytes that can still be written; a write that passes the bound is done in part.
        var writableByteCount: Int?
        /// Which call that changes something fails, counting from 0.
        var failingCall: Int?
        /// Which sync of a file fails, counting from 0.
        var failingSync: Int?
        var failureKind = StorageError.Kind.io
        /// Syncs of files wait.
        var holdsSyncs = false

        var callCount = 0
        var fileSyncCount = 0
        var writeCount = 0
    }

    let faults: Monitor<Faults>
    private let base = PosixFileSystem()

    init(_ configure: (inout Faults) -> Void = { _ in }) {
        var faults = Faults()
        configure(&faults)
        self.faults = Monitor(faults)
    }

    func change(_ body: (inout Faults) -> Void) {
        faults.withLock { body(&$0) }
        faults.notifyAll()
    }

    var counts: Faults { faults.withLock { $0 } }

    /// Counts a call that changes something, and fails when it is its turn.
    fileprivate func step(_ path: String) throws(StorageError) {
        let error = faults.withLock { faults -> StorageError? in
            defer { faults.callCount += 1 }
            guard faults.callCount == faults.failingCall else { return nil }
            return StorageError(faults.failureKind, path: path, "the test lets this call fail")
        }
        if let error { throw error }
    }

    func open(_ path: String, _ mode: FileMode) throws(StorageError) -> any File {
        if mode != .read { try step(path) }
        return FaultyFile(base: try base.open(path, mode), owner: self)
    }

    func map(_ path: String) throws(StorageError) -> MappedFile { try base.map(path) }

    func rename(_ source: String, to destination: String) throws(StorageError) {
        try step(source)
        try base.rename(source, to: destination)
    }

    func link(_ source: String, to destination: String) throws(StorageError) {
        try step(source)
        try base.link(source, to: destination)
    }

    func remove(_ path: String) throws(StorageError) {
        try step(path)
        try base.remove(path)
    }

    func list(_ directory: String) throws(StorageError) -> [String] { try base.list(directory) }

    func makeDirectory(_ path: String) throws(StorageError) {
        try step(path)
        try base.makeDirectory(path)
    }

    func removeDirectory(_ path: String) throws(StorageError) {
        try step(path)
        try base.removeDirectory(path)
    }

    func kind(of path: String) throws(StorageError) -> FileKind? { try base.kind(of: path) }

    func synchronizeDirectory(_ path: String) throws(StorageError) { try step(path) }

    func lock(_ path: String, note: String) throws(StorageError) -> any FileLock {
        try base.lock(path, note: note)
    }
}

private final class FaultyFile: File {
    private let base: any File
    private let owner: FaultyFileSystem

    init(base: any File, owner: FaultyFileSystem) {
        self.base = base
        self.owner = owner
    }

    var path: String { base.path }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StorageError) {
        try owner.step(path)
        let count = bytes.count
        let allowed = owner.faults.withLock { faults -> Int in
            faults.writeCount += 1
            guard let room = faults.writableByteCount else { return count }
            let allowed = min(room, count)
            faults.writableByteCount = room - allowed
            return allowed
        }
        owner.faults.notifyAll()
        unsafe try base.write(UnsafeRawBufferPointer(rebasing: bytes[..<allowed]), at: offset)
        if allowed < count {
            throw StorageError(.outOfSpace, path: path, "the test's disk is full")
        }
    }

    func read(
        into target: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(StorageError) -> Int {
        unsafe try base.read(into: target, at: offset)
    }

    func size() throws(StorageError) -> UInt64 { try base.size() }

    func truncate(to size: UInt64) throws(StorageError) {
        try owner.step(path)
        try base.truncate(to: size)
    }

    func synchronize() throws(StorageError) {
        try owner.step(path)
        let fails = owner.faults.wait { faults -> Bool? in
            if faults.holdsSyncs { return nil }
            defer { faults.fileSyncCount += 1 }
            return faults.fileSyncCount == faults.failingSync
        }
        if fails { throw StorageError(.io, path: path, "the test lets this sync fail") }
    }
}
