/// Reads and replaces the manifest of a collection's directory.
///
/// A commit writes `MANIFEST-<generation>` and then replaces the file CURRENT, which names it. The
/// rename of CURRENT is the commit point: before it the old manifest holds, after it the new one.
/// Used by one thread at a time.
package struct ManifestStore: Sendable {
    package let directory: String
    private let fileSystem: any FileSystem

    package init(fileSystem: any FileSystem = PosixFileSystem(), directory: String) {
        self.fileSystem = fileSystem
        self.directory = directory
    }

    /// The manifest that holds; nil: none was ever committed in this directory.
    package func read() throws(StorageError) -> Manifest? {
        guard try fileSystem.kind(of: currentPath) != nil else {
            try checkNeverCommitted()
            return nil
        }
        let generation = try ManifestFormat.decodeCurrent(
            try fileSystem.read(currentPath), path: currentPath)
        let path = self.path(FileName.manifest(generation: generation))
        let manifest = try Self.readFile(fileSystem: fileSystem, path: path)
        guard manifest.generation == generation else {
            throw .corrupt(
                path, at: 16,
                "expected generation \(generation), found \(manifest.generation)")
        }
        return manifest
    }

    /// One manifest file, whether CURRENT names it or not.
    package static func readFile(
        fileSystem: any FileSystem = PosixFileSystem(), path: String
    ) throws(StorageError) -> Manifest {
        let bytes = try fileSystem.read(path)
        return unsafe try bytes.span.withUnsafeBytes { (buffer) throws(StorageError) in
            unsafe try ManifestFormat.decode(buffer, path: path)
        }
    }

    /// Makes `manifest` hold, as the generation after its own, and returns it with that number.
    /// Everything that it names must be durable already.
    ///
    /// After an error the old manifest holds, or, when the error came after the rename, perhaps the
    /// new one: read again before going on.
    package func commit(_ manifest: Manifest) throws(StorageError) -> Manifest {
        let previous = manifest.generation
        var manifest = manifest
        manifest.generation += 1
        let name = FileName.manifest(generation: manifest.generation)
        try fileSystem.replace(path(name), with: ManifestFormat.encoded(manifest))
        try fileSystem.synchronizeDirectory(directory)
        try fileSystem.replace(
            currentPath, with: ManifestFormat.encodedCurrent(generation: manifest.generation))
        try fileSystem.synchronizeDirectory(directory)
        // Committed: what is left of the old one is only clutter, which the next open removes too.
        if previous > 0 { try? fileSystem.remove(path(FileName.manifest(generation: previous))) }
        return manifest
    }

    /// Makes CURRENT name a manifest that is on disk: for a CURRENT that is damaged.
    package func makeCurrent(_ manifest: Manifest) throws(StorageError) {
        try fileSystem.replace(
            currentPath, with: ManifestFormat.encodedCurrent(generation: manifest.generation))
        try fileSystem.synchronizeDirectory(directory)
    }

    /// Removes what a crash left behind: temporary files, other manifests, segment and deletion
    /// files that `manifest` does not name, and graph checkpoints of rows that are in segments by
    /// now. Files with other names are not touched. Returns the names of the files removed.
    @discardableResult
    package func removeStrayFiles(keeping manifest: Manifest) throws(StorageError) -> [String] {
        let stray = try strayFiles(of: manifest)
        if stray.isEmpty { return [] }
        // A process that was killed may have left the new CURRENT unsynced. Until it is durable,
        // the old one may come back, and with it the need for what it names.
        try fileSystem.synchronizeDirectory(directory)
        for name in stray { try fileSystem.remove(path(name)) }
        try fileSystem.synchronizeDirectory(directory)
        return stray
    }

    /// The names that `removeStrayFiles` would remove.
    package func strayFiles(of manifest: Manifest) throws(StorageError) -> [String] {
        var kept: Set<String> = [FileName.manifest(generation: manifest.generation)]
        for segment in manifest.segments {
            kept.insert(FileName.segment(segment.number))
            if let lsn = segment.deletionFileLSN {
                kept.insert(FileName.deletions(segment: segment.number, at: lsn))
            }
        }
        return try fileSystem.list(directory).filter { name in
            if let first = FileName.firstSequenceNumber(ofCheckpoint: name) {
                return first <= manifest.flushedThrough
            }
            return name.hasSuffix(FileName.temporarySuffix)
                || Self.isOurs(name) && !kept.contains(name)
        }
    }

    private static func isOurs(_ name: String) -> Bool {
        FileName.generation(ofManifest: name) != nil || FileName.number(ofSegment: name) != nil
            || FileName.deletions(name) != nil
    }

    /// Without CURRENT there may be the first manifest, not yet committed, and nothing else.
    private func checkNeverCommitted() throws(StorageError) {
        let evidence = try fileSystem.list(directory).first { name in
            let generation = FileName.generation(ofManifest: name)
            return Self.isOurs(name) && generation != 1
        }
        if let evidence {
            throw .corrupt(currentPath, "the file is missing, though \(evidence) exists")
        }
    }

    private var currentPath: String { path(FileName.current) }

    private func path(_ name: String) -> String { "\(directory)/\(name)" }
}
