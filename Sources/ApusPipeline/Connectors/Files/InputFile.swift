#if canImport(Glibc)
private import Glibc
#else
private import Darwin
#endif

/// A regular file opened for reading at any offset. Safe to share: it has no position.
package final class InputFile: Sendable {
    package let path: String
    /// Bytes, when it was opened.
    package let size: Int
    /// Nanoseconds since 1970 of the last change, when it was opened.
    package let modified: Int64
    private let descriptor: Int32

    package init(path: String) throws(PipelineError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path, "cannot open") }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let error = Self.failure(path, "cannot stat")
            _ = close(descriptor)
            throw error
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            _ = close(descriptor)
            throw .unreadable(file: path, reason: "not a regular file")
        }
        self.path = path
        self.descriptor = descriptor
        size = Int(status.st_size)
        #if canImport(Glibc)
        let time = status.st_mtim
        #else
        let time = status.st_mtimespec
        #endif
        modified = Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    deinit { _ = close(descriptor) }

    /// Whether there is something of that name that can be opened for reading.
    package static func exists(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }

    /// The bytes from `offset` on: `count` of them, fewer only where the file ends.
    package func read(at offset: Int, count: Int) throws(PipelineError) -> [UInt8] {
        var failed = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let received = unsafe pread(
                    descriptor, buffer.baseAddress.map { unsafe $0 + filled }, count - filled,
                    off_t(offset + filled))
                if received < 0, errno == EINTR { continue }
                failed = received < 0
                guard received > 0 else { return }
                filled += received
            }
        }
        guard !failed else { throw Self.failure(path, "cannot read at byte \(offset)") }
        return bytes
    }

    private static func failure(_ path: String, _ what: String) -> PipelineError {
        .unreadable(file: path, reason: "\(what): \(unsafe String(cString: strerror(errno)))")
    }
}
