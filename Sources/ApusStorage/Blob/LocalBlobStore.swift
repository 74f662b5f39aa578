private import ApusKernels
private import Synchronization

/// Blobs as files of a directory: a key is a path below it.
///
/// A blob gets its name by `link`, which fails when the name is taken: that is what makes
/// `putIfAbsent` atomic. An immutable file on the same file system is linked as it is, so that
/// storing it takes neither time nor space; others are copied to a temporary file first.
package struct LocalBlobStore: BlobStore {
    private static let pieceByteCount = 1 << 20
    private static let swapLock = "SWAP.lock"

    package let directory: String
    private let fileSystem: any FileSystem

    /// The directory is made with the first blob.
    package init(fileSystem: any FileSystem = PosixFileSystem(), directory: String) {
        self.fileSystem = fileSystem
        self.directory = directory
    }

    package func size(of key: RelativePath) throws(StorageError) -> UInt64? {
        guard try fileSystem.kind(of: path(key)) == .file else { return nil }
        return try fileSystem.open(path(key), .read).size()
    }

    package func read(
        _ key: RelativePath, _ range: Range<UInt64>
    ) throws(StorageError) -> [UInt8] {
        let file = try fileSystem.open(path(key), .read)
        guard let count = Int(exactly: range.upperBound - range.lowerBound),
            try file.size() >= range.upperBound
        else {
            throw .corrupt(path(key), "the blob ends before byte \(range.upperBound)")
        }
        return try file.bytes(at: range.lowerBound, count: count)
    }

    package func putIfAbsent(
        _ key: RelativePath, _ content: BlobContent
    ) throws(StorageError) -> Bool {
        let path = path(key)
        guard try fileSystem.kind(of: path) == nil else {
            // Whoever put it may not have come to this yet.
            try fileSystem.synchronizeDirectory(FileName.parent(of: path))
            return false
        }
        try makeParents(of: key)
        var isFirst = true
        do throws(StorageError) {
            try store(content, at: path)
        } catch  where error.kind == .alreadyExists {
            isFirst = false
        }
        try fileSystem.synchronizeDirectory(FileName.parent(of: path))
        return isFirst
    }

    package func readVersioned(
        _ key: RelativePath
    ) throws(StorageError) -> (bytes: [UInt8], version: BlobVersion)? {
        guard try fileSystem.kind(of: path(key)) == .file else { return nil }
        let bytes = try fileSystem.read(path(key))
        return (bytes, Self.version(of: bytes))
    }

    /// Throws `.locked` while another thread or process swaps a blob of this store.
    package func compareAndSwap(
        _ key: RelativePath, from expected: BlobVersion?, to bytes: [UInt8]
    ) throws(StorageError) -> BlobVersion? {
        try makeParents(of: key)
        let lock = try fileSystem.lock("\(directory)/\(Self.swapLock)", note: "a swap of \(key)")
        defer { lock.release() }
        guard try readVersioned(key)?.version == expected else { return nil }
        try fileSystem.replace(path(key), with: bytes)
        try fileSystem.synchronizeDirectory(FileName.parent(of: path(key)))
        return Self.version(of: bytes)
    }

    package func list(prefix: String) throws(StorageError) -> [RelativePath] {
        try files(prefix: prefix).compactMap { RelativePath($0) }
            .filter { $0.description != Self.swapLock }
    }

    @discardableResult
    package func delete(_ key: RelativePath) throws(StorageError) -> Bool {
        let path = path(key)
        do throws(StorageError) {
            guard try fileSystem.kind(of: path) == .file else { return false }
            try fileSystem.remove(path)
        } catch  where error.kind == .notFound {
            return false
        }
        try fileSystem.synchronizeDirectory(FileName.parent(of: path))
        return true
    }

    package func removeRemains(prefix: String) throws(StorageError) {
        for name in try files(prefix: prefix) where name.hasSuffix(FileName.temporarySuffix) {
            try fileSystem.remove("\(directory)/\(name)")
        }
    }

    // MARK: Storing

    private func store(_ content: BlobContent, at path: String) throws(StorageError) {
        switch content {
        case .bytes(let bytes):
            try storeTemporary(at: path) { (file) throws(StorageError) in
                try file.write(bytes, at: 0)
            }
        case .file(let source):
            do throws(StorageError) {
                return try fileSystem.link(source, to: path)
            } catch  where error.kind == .alreadyExists || error.kind == .outOfSpace {
                throw error
            } catch {
                // Another file system, or one without links.
            }
            try storeTemporary(at: path) { (file) throws(StorageError) in
                let source = try fileSystem.open(source, .read)
                try source.forEachPiece(of: Self.pieceByteCount) {
                    (bytes, offset) throws(StorageError) in try file.write(bytes, at: offset)
                }
            }
        }
    }

    /// Writes a temporary file, makes it durable and gives it its name, unless that is taken.
    private func storeTemporary(
        at path: String, _ write: (any File) throws(StorageError) -> Void
    ) throws(StorageError) {
        let random = UInt64.random(in: .min ... .max)
        let temporary = "\(path).\(String(random, radix: 16))\(FileName.temporarySuffix)"
        // What stays behind when this fails is removed by `removeRemains`.
        defer { try? fileSystem.remove(temporary) }
        let file = try fileSystem.open(temporary, .createNew)
        try write(file)
        try file.synchronize()
        do throws(StorageError) {
            try fileSystem.link(temporary, to: path)
        } catch  where error.kind == .alreadyExists || error.kind == .outOfSpace {
            throw error
        } catch {
            // A file system without links: the look and the rename are two steps there.
            guard try fileSystem.kind(of: path) == nil else {
                throw StorageError(.alreadyExists, path: path, "the blob exists")
            }
            try fileSystem.rename(temporary, to: path)
        }
    }

    /// Directories are durable before anything lies in them.
    private func makeParents(of key: RelativePath) throws(StorageError) {
        var parent = directory
        try makeDirectory(parent)
        for name in key.names.dropLast() {
            parent += "/\(name)"
            try makeDirectory(parent)
        }
    }

    private func makeDirectory(_ path: String) throws(StorageError) {
        if try fileSystem.kind(of: path) != .directory {
            do throws(StorageError) {
                try fileSystem.makeDirectory(path)
            } catch  where error.kind == .alreadyExists {
                // Another caller was faster.
            }
        }
        // Also one that is there: whoever made it may not have come to this.
        try fileSystem.synchronizeDirectory(FileName.parent(of: path))
    }

    // MARK: Names

    private func path(_ key: RelativePath) -> String { "\(directory)/\(key)" }

    private static func version(of bytes: [UInt8]) -> BlobVersion {
        BlobVersion(SHA256.digest(of: bytes).description)
    }

    /// All files whose path below the directory starts with the text, ascending.
    private func files(prefix: String) throws(StorageError) -> [String] {
        var start = ""
        if let slash = prefix.lastIndex(of: "/") {
            start = String(prefix[..<slash])
            guard RelativePath(start) != nil else { return [] }
        }
        var found: [String] = []
        try walk(start, prefix: prefix, &found)
        return found.sorted()
    }

    private func walk(
        _ folder: String, prefix: String, _ found: inout [String]
    ) throws(StorageError) {
        let path = folder.isEmpty ? directory : "\(directory)/\(folder)"
        guard try fileSystem.kind(of: path) == .directory else { return }
        for name in try fileSystem.list(path) {
            let below = folder.isEmpty ? name : "\(folder)/\(name)"
            guard below.hasPrefix(prefix) || prefix.hasPrefix("\(below)/") else { continue }
            if try fileSystem.kind(of: "\(directory)/\(below)") == .directory {
                try walk(below, prefix: prefix, &found)
            } else if below.hasPrefix(prefix) {
                found.append(below)
            }
        }
    }
}
