internal import ApusCore
internal import ApusStorage
private import Synchronization

/// Turns unpacked files into a collection of its own: a new log id, and a log written anew up to
/// the target. Numbers of batches stay what they were.
///
/// What is restored may go another way than what the snapshot was taken of. With its own id, files
/// of the two can never pass for one another.
struct RestoredCollection {
    let fileSystem: any FileSystem
    /// The unpacked files; becomes the collection's directory.
    let directory: String
    let part: SnapshotRecord.Part

    struct End {
        var sequenceNumber: SequenceNumber
        /// Of the last batch, in milliseconds since 1970; 0: not known.
        var time: UInt64
    }

    /// Makes the directory a collection with everything up to `target`, durable and checked. Log
    /// files beyond the snapshot's own have been put beside them.
    func build(_ target: RestoreTarget) throws -> End {
        let files = CollectionFiles(directory: directory, fileSystem: fileSystem)
        guard var manifest = try files.store.read() else {
            throw DatabaseError(.corruption, "\(directory): no CURRENT file names a manifest")
        }
        guard manifest.logID.description == part.log else {
            throw DatabaseError(
                .corruption, "\(directory): the manifest is not that of the snapshot's log")
        }
        let oldLog = "\(directory)/log.old"
        try fileSystem.rename(files.logDirectory, to: oldLog)
        let logID = LogID.random()
        let end = try copyLog(from: oldLog, of: manifest, to: files.logDirectory, logID, target)
        manifest.logID = logID
        _ = try files.store.commit(manifest)
        try fileSystem.removeTree(oldLog)
        for place in [files.logDirectory, directory] {
            try fileSystem.synchronizeDirectory(place)
        }
        if let fault = StorageCheck.collection(fileSystem: fileSystem, directory: directory).first {
            throw fault
        }
        return end
    }

    private func copyLog(
        from source: String, of manifest: Manifest, to destination: String, _ logID: LogID,
        _ target: RestoreTarget
    ) throws -> End {
        let limit = target.limit(of: part)
        let (log, _) = unsafe try WriteAheadLog.open(
            fileSystem: fileSystem, directory: destination, after: manifest.flushedThrough,
            options: WriteAheadLog.Options(logID: logID), replay: { _, _ in })
        var end = End(sequenceNumber: manifest.flushedThrough, time: 0)
        do {
            var isOver = false
            _ = unsafe try LogFiles.replay(
                fileSystem: fileSystem, directory: source, after: manifest.flushedThrough,
                logID: manifest.logID
            ) { lsn, bytes in
                var reader = unsafe ByteReader(bytes)
                let time = try WriteBatch.readTime(&reader)
                isOver = isOver || lsn > limit.sequenceNumber || time > limit.time
                guard !isOver else { return }
                let copy = unsafe try log.append(Array(bytes))
                guard copy == lsn else {
                    throw DatabaseError(
                        .internalError, "batch \(lsn) became \(copy) while its log was copied")
                }
                end = End(sequenceNumber: lsn, time: time)
            }
        } catch {
            try? log.close()
            throw error
        }
        try log.close()
        try limit.check(end, of: part)
        return end
    }
}

/// The last batch that a restore may have.
private struct RestoreLimit {
    var sequenceNumber = SequenceNumber(1 << 62)
    var time = UInt64.max
    /// Whether the batch `sequenceNumber` must be there.
    var isExact = false

    func check(_ end: RestoredCollection.End, of part: SnapshotRecord.Part) throws {
        guard isExact, end.sequenceNumber != sequenceNumber else { return }
        throw DatabaseError(
            .notFound,
            "Not found: batch \(sequenceNumber) of collection `\(part.collection)`: what is there "
                + "ends at \(end.sequenceNumber)")
    }
}

extension RestoreTarget {
    fileprivate func limit(of part: SnapshotRecord.Part) -> RestoreLimit {
        switch self {
        case .snapshot:
            RestoreLimit(sequenceNumber: SequenceNumber(part.sequenceNumber), isExact: true)
        case .latest: RestoreLimit()
        case .sequenceNumber(let number): RestoreLimit(sequenceNumber: number, isExact: true)
        case .time(let time): RestoreLimit(time: time.milliseconds)
        }
    }
}
