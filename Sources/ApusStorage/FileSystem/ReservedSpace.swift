private import Synchronization

/// Space on the disk that is kept for work which frees more of it.
///
/// On a full disk a merge of half-deleted segments, or a segment file that lets log files go,
/// needs room before it gives room. A file with allocated blocks stands in for it, and is removed
/// when such work meets the end of the disk. May be used from any thread.
package final class ReservedSpace: Sendable {
    private static let byteCountMin: UInt64 = 1 << 20
    /// At most this part of what is free goes into the reserve.
    private static let freePart: UInt64 = 8

    private let fileSystem: any FileSystem
    private let path: String
    private let byteCountMax: UInt64
    private let isHeld: Mutex<Bool>

    /// What an earlier process reserved is still there; otherwise nothing is until `refill()`.
    package init(fileSystem: any FileSystem, directory: String, byteCount: UInt64) {
        self.fileSystem = fileSystem
        path = "\(directory)/\(FileName.reserve)"
        byteCountMax = byteCount
        isHeld = Mutex((try? fileSystem.kind(of: path)) == .file)
    }

    /// Takes the space, or an eighth of what is free when that is less, unless it is held already.
    /// Having none is no error: it is tried again after the next use.
    package func refill() {
        isHeld.withLock { isHeld in
            if !isHeld { isHeld = (try? allocate()) ?? false }
        }
    }

    private func allocate() throws(StorageError) -> Bool {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        guard let free = try fileSystem.freeByteCount(of: String(path[..<slash])) else {
            return false
        }
        let byteCount = min(byteCountMax, free / Self.freePart)
        guard byteCount >= Self.byteCountMin else { return false }
        do throws(StorageError) {
            try fileSystem.open(path, .createEmpty).allocate(upTo: byteCount)
            return true
        } catch {
            try fileSystem.remove(path)
            throw error
        }
    }

    /// Runs `work`; when it meets the end of the disk, gives the reserve back and runs it again.
    package func lending<Value>(to work: () throws -> Value) throws -> Value {
        do {
            return try work()
        } catch let error as StorageError where error.kind == .outOfSpace {
            guard release() else { throw error }
            defer { refill() }
            return try work()
        }
    }

    /// Whether there was something to give back.
    private func release() -> Bool {
        isHeld.withLock { isHeld in
            guard isHeld else { return false }
            isHeld = false
            return (try? fileSystem.remove(path)) != nil
        }
    }
}
