internal import ApusCore
internal import ApusStorage
private import Synchronization

/// A collection's files as they are at one LSN, in a directory of their own.
struct CapturedCollection {
    var collection: String
    var directory: String
    var sequenceNumber: SequenceNumber
    var time: UInt64
    var manifest: Manifest
    /// Below the directory, in the order in which they go into an archive.
    var names: [String]
}

extension Collection {
    /// Collects in `directory`, which is made, what the collection is at this moment: links to the
    /// files that its manifest names, and the log behind them up to the last durable batch. The
    /// directory is a collection's directory that opens at exactly that batch.
    ///
    /// Writes go on meanwhile; seals, compactions and changes of settings wait while links are
    /// made. The log is not touched.
    func capture(in directory: String) throws -> CapturedCollection {
        let fileSystem = context.fileSystem
        let target = CollectionFiles(directory: directory, fileSystem: fileSystem)
        try fileSystem.makeDirectory(directory)
        try fileSystem.makeDirectory(target.logDirectory)
        // The live log file: only its name is new, it is copied below.
        let live = "\(directory)/log.live"
        var captured = CapturedCollection(
            collection: name, directory: directory, sequenceNumber: .zero, time: 0,
            manifest: Manifest(), names: [])
        // What was acknowledged belongs in, also when its sync may come later.
        try log.waitUntilDurable(published.withLock { $0.lsn })
        let newest = try manifest.withLock { manifest -> String in
            // Its directory may be another collection's by now.
            try checkHasFiles()
            // After a commit that failed late the disk may be ahead of what is known here.
            guard try files.store.read()?.generation == manifest.generation else {
                throw DatabaseError(
                    .unavailable,
                    "collection `\(self.name)`: a change of its manifest did not come to its end; "
                        + "seal it, or open the database again, before a snapshot is made")
            }
            captured.manifest = manifest
            captured.names = Self.fileNames(of: manifest)
            for name in captured.names {
                try fileSystem.link("\(files.directory)/\(name)", to: "\(directory)/\(name)")
            }
            // Under the manifest's lock no log file goes that the manifest still needs.
            let position = log.durablePosition
            captured.sequenceNumber = position.sequenceNumber
            captured.time = lastTime.load(ordering: .acquiring)
            let logFiles = Self.needed(position.filePaths, after: manifest.flushedThrough)
            guard let newest = logFiles.last else {
                throw DatabaseError(.internalError, "the log of `\(self.name)` has no files")
            }
            for path in logFiles.dropLast() {
                let name = "\(FileName.walDirectory)/\(Self.lastName(path))"
                try fileSystem.link(path, to: "\(directory)/\(name)")
                captured.names.append(name)
            }
            try fileSystem.link(newest, to: live)
            return newest
        }
        let name = "\(FileName.walDirectory)/\(Self.lastName(newest))"
        try LogFiles.copy(
            fileSystem: fileSystem, live, to: "\(directory)/\(name)",
            through: captured.sequenceNumber)
        try fileSystem.remove(live)
        captured.names.append(name)
        return captured
    }

    /// The files of the directory itself.
    private static func fileNames(of manifest: Manifest) -> [String] {
        var names = [FileName.current, FileName.manifest(generation: manifest.generation)]
        for segment in manifest.segments {
            names.append(FileName.segment(segment.number))
            if let lsn = segment.deletionFileLSN {
                names.append(FileName.deletions(segment: segment.number, at: lsn))
            }
        }
        return names
    }

    /// The log files that have batches after `lsn`, and the newest in any case.
    private static func needed(_ paths: [String], after lsn: SequenceNumber) -> [String] {
        let start = paths.lastIndex { path in
            FileName.firstSequenceNumber(ofWAL: lastName(path)).map { $0 <= lsn.next } ?? false
        }
        return Array(paths[(start ?? 0)...])
    }

    static func lastName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }
}
