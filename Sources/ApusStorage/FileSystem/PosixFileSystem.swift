private import CApusSystem
private import Synchronization

/// The machine's own file system.
package struct PosixFileSystem: FileSystem {
    package init() {}

    package func open(_ path: String, _ mode: FileMode) throws(StorageError) -> any File {
        let descriptor = unsafe try check(
            capus_open(path, Int32(bitPattern: mode.rawValue)), "cannot open the file", path)
        return PosixFile(path: path, descriptor: descriptor)
    }

    package func map(_ path: String) throws(StorageError) -> MappedFile {
        let descriptor = unsafe try check(
            capus_open(path, Int32(bitPattern: CAPUS_OPEN_READ.rawValue)), "cannot open the file",
            path)
        defer { capus_close(descriptor) }
        let size = try check(capus_size(descriptor), "cannot read the file's size", path)
        guard size > 0 else {
            let empty = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
            return unsafe MappedFile(path: path, bytes: empty) { _ in }
        }
        var address: UnsafeRawPointer?
        unsafe try check(
            capus_map(descriptor, Int(size), &address), "cannot map the file", path)
        let bytes = unsafe UnsafeRawBufferPointer(start: address, count: Int(size))
        return unsafe MappedFile(path: path, bytes: bytes) { bytes in
            guard let base = bytes.baseAddress else { return }
            _ = unsafe capus_unmap(base, bytes.count)
        }
    }

    package func rename(_ source: String, to destination: String) throws(StorageError) {
        unsafe try check(
            capus_rename(source, destination), "cannot rename to \(destination)", source)
    }

    package func link(_ source: String, to destination: String) throws(StorageError) {
        unsafe try check(capus_link(source, destination), "cannot link as \(destination)", source)
    }

    package func remove(_ path: String) throws(StorageError) {
        unsafe try check(capus_remove_file(path), "cannot remove the file", path)
    }

    package func list(_ directory: String) throws(StorageError) -> [String] {
        let collector = NameCollector()
        let context = unsafe Unmanaged.passUnretained(collector).toOpaque()
        let result = unsafe capus_list(directory, context) { context, name in
            guard let context = unsafe context else { return }
            let collector = unsafe Unmanaged<NameCollector>.fromOpaque(context)
            unsafe collector.takeUnretainedValue().names.append(String(cString: name))
        }
        try check(result, "cannot list the directory", directory)
        return collector.names.sorted()
    }

    package func makeDirectory(_ path: String) throws(StorageError) {
        unsafe try check(capus_make_directory(path), "cannot make the directory", path)
    }

    package func removeDirectory(_ path: String) throws(StorageError) {
        unsafe try check(capus_remove_directory(path), "cannot remove the directory", path)
    }

    package func kind(of path: String) throws(StorageError) -> FileKind? {
        switch unsafe try check(capus_kind_of(path), "cannot look at the file", path) {
        case 0: nil
        case 2: .directory
        default: .file
        }
    }

    package func isLink(_ path: String) throws(StorageError) -> Bool {
        unsafe try check(capus_is_link(path), "cannot look at the file", path) == 1
    }

    package func synchronizeDirectory(_ path: String) throws(StorageError) {
        unsafe try check(capus_sync_directory(path), "cannot sync the directory", path)
    }

    package func freeByteCount(of path: String) throws(StorageError) -> UInt64? {
        UInt64(unsafe try check(capus_free_bytes(path), "cannot ask for the free space", path))
    }

    package func lock(_ path: String, note: String) throws(StorageError) -> any FileLock {
        let mode = Int32(bitPattern: CAPUS_OPEN_CREATE_OR_KEEP.rawValue)
        let file = unsafe PosixFile(
            path: path,
            descriptor: try check(capus_open(path, mode), "cannot open the lock file", path))
        let result = capus_lock(file.descriptor)
        guard result >= 0 else {
            guard capus_classify(result) == CAPUS_FAILURE_LOCKED.rawValue else {
                throw systemError(Int64(result), "cannot lock the file", path)
            }
            throw StorageError(.locked, path: path, "in use by \(file.lockNote())")
        }
        try file.truncate(to: 0)
        try file.write(Array(note.utf8), at: 0)
        return PosixFileLock(file: file)
    }
}

extension FileMode {
    fileprivate var rawValue: UInt32 {
        switch self {
        case .read: CAPUS_OPEN_READ.rawValue
        case .readWrite: CAPUS_OPEN_READ_WRITE.rawValue
        case .createNew: CAPUS_OPEN_CREATE_NEW.rawValue
        case .createEmpty: CAPUS_OPEN_CREATE_EMPTY.rawValue
        }
    }
}

/// Collects what a C callback hands over, on one thread.
private final class NameCollector {
    var names: [String] = []
}

private final class PosixFile: File {
    let path: String
    let descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    // Nothing is lost when closing fails: whatever must be on disk was synced before.
    deinit { capus_close(descriptor) }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StorageError) {
        let result = unsafe capus_write(
            descriptor, bytes.baseAddress, bytes.count, try position(offset))
        try check(result, "cannot write \(bytes.count) bytes at \(offset)", path)
    }

    func read(
        into target: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(StorageError) -> Int {
        let result = unsafe capus_read(
            descriptor, target.baseAddress, target.count, try position(offset))
        return Int(try check(result, "cannot read \(target.count) bytes at \(offset)", path))
    }

    func size() throws(StorageError) -> UInt64 {
        UInt64(try check(capus_size(descriptor), "cannot read the file's size", path))
    }

    func truncate(to size: UInt64) throws(StorageError) {
        try check(
            capus_truncate(descriptor, try position(size)), "cannot cut the file to \(size) bytes",
            path)
    }

    func allocate(upTo size: UInt64) throws(StorageError) {
        let present = try self.size()
        guard present < size else { return }
        let result = capus_allocate(
            descriptor, try position(present), try position(size) - position(present))
        if result < 0, capus_classify(result) == CAPUS_FAILURE_UNSUPPORTED.rawValue {
            return try allocateByWriting(from: present, to: size)
        }
        try check(result, "cannot allocate \(size - present) bytes at \(present)", path)
    }

    /// Where the system cannot allocate, zeros that are written take their space as well.
    private func allocateByWriting(from start: UInt64, to end: UInt64) throws(StorageError) {
        let zeros = [UInt8](repeating: 0, count: 1 << 16)
        var place = start
        while place < end {
            let count = min(UInt64(zeros.count), end - place)
            try write(count < zeros.count ? Array(zeros[..<Int(count)]) : zeros, at: place)
            place += count
        }
    }

    func synchronize() throws(StorageError) {
        try check(capus_sync_file(descriptor), "cannot sync the file", path)
    }

    private func position(_ offset: UInt64) throws(StorageError) -> Int64 {
        guard let position = Int64(exactly: offset) else {
            throw StorageError(.tooLarge, path: path, "\(offset) is no position in a file")
        }
        return position
    }

    /// What the holder of the lock wrote about itself.
    func lockNote() -> String {
        var text = [UInt8](repeating: 0, count: 128)
        let count = unsafe text.withUnsafeMutableBytes { buffer in
            unsafe (try? read(into: buffer, at: 0)) ?? 0
        }
        return count == 0 ? "another process" : String(decoding: text[..<count], as: UTF8.self)
    }
}

private final class PosixFileLock: FileLock {
    let path: String
    private let file: Mutex<PosixFile?>

    init(file: PosixFile) {
        path = file.path
        self.file = Mutex(file)
    }

    /// The kernel frees the lock with the descriptor.
    func release() { file.withLock { $0 = nil } }
}

@discardableResult
private func check<Result: SignedInteger>(
    _ result: Result, _ what: String, _ path: String
) throws(StorageError) -> Result {
    guard result < 0 else { return result }
    throw systemError(Int64(result), what, path)
}

private func systemError(_ result: Int64, _ what: String, _ path: String) -> StorageError {
    let code = Int32(truncatingIfNeeded: result)
    let kind: StorageError.Kind =
        switch UInt32(bitPattern: capus_classify(code)) {
        case CAPUS_FAILURE_NOT_FOUND.rawValue: .notFound
        case CAPUS_FAILURE_ALREADY_EXISTS.rawValue: .alreadyExists
        case CAPUS_FAILURE_LOCKED.rawValue: .locked
        case CAPUS_FAILURE_OUT_OF_SPACE.rawValue: .outOfSpace
        case CAPUS_FAILURE_READ_ONLY.rawValue: .readOnly
        default: .io
        }
    var text = [CChar](repeating: 0, count: 128)
    unsafe text.withUnsafeMutableBufferPointer { buffer in
        if let base = buffer.baseAddress {
            unsafe capus_describe(code, base, buffer.count)
        }
    }
    let reason = String(
        decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return StorageError(kind, path: path, "\(what): \(reason)")
}
