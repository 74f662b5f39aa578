import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A file whose content changes with every input. In memory where the system has such a place.
final class InputPath {
    let path: String

    init(_ name: String) {
        let memory = "/dev/shm"
        let folder =
            FileManager.default.isWritableFile(atPath: memory)
            ? memory + "/" : NSTemporaryDirectory()
        path = "\(folder)apus-fuzz-\(getpid())-\(name)"
    }

    deinit { _ = unsafe unlink(path) }

    func write(_ bytes: [UInt8]) throws {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        try expect(descriptor >= 0, "cannot write \(path)")
        defer { close(descriptor) }
        let written = unsafe bytes.withUnsafeBytes {
            unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0)
        }
        try expect(written == bytes.count, "cannot write \(path)")
    }
}
