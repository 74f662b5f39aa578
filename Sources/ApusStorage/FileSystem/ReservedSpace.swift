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
    /// Bytes that are reserved now; 0: none.
    private let held: Mutex<UInt64>

    /// What an earlier process reserved is still there; otherwise nothing is until `refill()`.
    package init(fileSystem: any FileSystem, directory: String, byteCount: UInt64) {
        self.fileSystem = fileSystem
        path = "\(directory)/\(FileName.reserve)"
        byteCountMax = byteCount
        // A crash may have left the name without the space.
        let found = (try? fileSystem.open(path, .read).size()) ?? 0
        held = Mutex(found >= Self.byteCountMin ? found : 0)
    }

    /// Takes the space, or an eighth of what is free when that is less, unless it is held already.
    /// Having none is no error: it is tried again after the next use.
    package func refill() {
        held.withLock { held in
            guard held == 0, let free = freeByteCount else { return }
            held = allocate(min(byteCountMax, free / Self.freePart))
        }
    }

    private var freeByteCount: UInt64? {
        try? fileSystem.freeByteCount(of: FileName.parent(of: path))
    }

    /// Returns what is reserved then.
    private func allocate(_ byteCount: UInt64) -> UInt64 {
        guard byteCount >= Self.byteCountMin else { return 0 }
        do throws(StorageError) {
            let file = try fileSystem.open(path, .createEmpty)
            try file.allocate(upTo: byteCount)
            try file.synchronize()
            return byteCount
        } catch {
            try? fileSystem.remove(path)
            return 0
        }
    }

    /// Runs `work`; when it meets the end of the disk, gives the reserve back and runs it again.
    /// Afterwards the reserve gets back what is left of it: nobody else had that space before.
    package func lending<Value>(to work: () throws -> Value) throws -> Value {
        do {
            return try work()
        } catch let error as StorageError where error.kind == .outOfSpace {
            let released = release()
            guard released > 0 else { throw error }
            defer {
                held.withLock { held in
                    if held == 0 { held = allocate(min(released, freeByteCount ?? 0)) }
                }
            }
            return try work()
        }
    }

    /// What there was to give back; 0: nothing.
    private func release() -> UInt64 {
        held.withLock { held in
            guard held > 0 else { return 0 }
            defer { held = 0 }
            return (try? fileSystem.remove(path)) != nil ? held : 0
        }
    }
}
