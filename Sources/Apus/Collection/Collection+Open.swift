internal import ApusCore
private import ApusIndex
internal import ApusKernels
internal import ApusStorage
private import Foundation
private import Synchronization

extension Collection {
    /// The key of `CollectionAttributes` in the manifest.
    static let attributesKey = "collection"

    /// Makes the files of a new, empty collection in `directory`, which exists and is empty.
    static func create(
        _ attributes: CollectionAttributes, in directory: String, fileSystem: any FileSystem
    ) throws {
        let files = CollectionFiles(directory: directory, fileSystem: fileSystem)
        try fileSystem.makeDirectoryIfNeeded(files.logDirectory)
        let logID = LogID.random()
        let (log, _) = unsafe try WriteAheadLog.open(
            fileSystem: fileSystem, directory: files.logDirectory, after: .zero,
            options: WriteAheadLog.Options(logID: logID), replay: { _, _ in })
        try log.close()
        var manifest = Manifest(logID: logID)
        manifest.attributes[attributesKey] = try encoded(attributes)
        _ = try files.store.commit(manifest)
    }

    /// Opens the files of a collection: maps its segments and replays the log behind them. Rows of
    /// the log are searchable at once, by scan; their graph is built in the background.
    static func open(
        name: String, directory: String, context: EngineContext
    ) throws -> Collection {
        let collection = try openIdle(name: name, directory: directory, context: context)
        for damage in collection.degradations() {
            context.reportDamage(collection: name, damage)
        }
        collection.accountMemory()
        collection.scheduleMaintenance()
        return collection
    }

    /// The same without background work, to see whether the files can be opened.
    static func openIdle(
        name: String, directory: String, context: EngineContext
    ) throws -> Collection {
        do {
            return try openFiles(name: name, directory: directory, context: context)
        } catch let error as StorageError where error.kind == .notFound {
            throw DatabaseError(.corruption, "collection `\(name)`: a file is missing: \(error)")
        }
    }

    private static func openFiles(
        name: String, directory: String, context: EngineContext
    ) throws -> Collection {
        let fileSystem = context.fileSystem
        let files = CollectionFiles(directory: directory, fileSystem: fileSystem)
        guard var manifest = try files.store.read() else {
            throw DatabaseError(.corruption, "\(directory): no CURRENT file names a manifest")
        }
        let attributes = try attributes(of: manifest, directory: directory)
        _ = try files.store.removeStrayFiles(keeping: manifest)

        let segments = try openSegments(&manifest, files, attributes.configuration, context)
        let growing = try context.makeGrowingSegment(
            number: manifest.nextSegmentNumber, configuration: attributes.configuration)
        var state = WriterState(
            lsn: manifest.flushedThrough, time: manifest.time,
            positions: try manifest.sourcePositions(), growing: growing,
            segments: segments + [growing],
            nextSegmentNumber: manifest.nextSegmentNumber + 1)
        var options = WriteAheadLog.Options(logID: manifest.logID)
        options.durability = WriteAheadLog.Durability(attributes.configuration.durability)
        options.meters = context.configuration.meters
        // The log is made before the first manifest: without it, batches are lost.
        options.mustExist = true
        let (log, found) = unsafe try WriteAheadLog.open(
            fileSystem: fileSystem, directory: files.logDirectory, after: manifest.flushedThrough,
            options: options
        ) { lsn, bytes in
            try removeDamaged(&state, &manifest)
            try unsafe replay(lsn, bytes, &state, attributes.configuration, context)
        }
        let replayed = state.frozen.map(\.segment) + [state.growing]
        loadCheckpoints(of: replayed, files, fileSystem: fileSystem)
        let recovery = CollectionRecovery(
            replayedBatchCount: found.replayedCount, tornByteCount: found.tornByteCount,
            checkpointedRowCount: replayed.reduce(0) { $0 + $1.rowCountInGraphs })
        let published = PublishedState(
            lsn: state.lsn, segments: state.segments, schema: CollectionSchema(attributes),
            lost: try manifest.lostSegments())
        return Collection(
            name: name, context: context, files: files, log: log, manifest: manifest,
            writer: state, published: published, recovery: recovery)
    }

    /// The segments that can be served; the others are noted in `manifest`, which is not written.
    private static func openSegments(
        _ manifest: inout Manifest, _ files: CollectionFiles,
        _ configuration: CollectionConfiguration, _ context: EngineContext
    ) throws -> [any Segment] {
        let fileSystem = context.fileSystem
        var segments: [any Segment] = []
        var lost = try manifest.lostSegments()
        for entry in manifest.segments where !lost.contains(where: { $0.number == entry.number }) {
            do {
                let segment = try SealedSegment(
                    path: files.segment(entry.number), fileSystem: fileSystem,
                    number: entry.number, replacing: nil, configuration: configuration,
                    memoryIsBounded: context.boundsMemory(of: configuration))
                guard segment.rowCount == entry.rowCount else {
                    throw DatabaseError(
                        .corruption,
                        "\(files.segment(entry.number)): \(segment.rowCount) rows, expected "
                            + "\(entry.rowCount)")
                }
                try loadDeletions(of: entry, files, into: segment, fileSystem: fileSystem)
                segments.append(segment)
            } catch {
                let cause = DatabaseError(causedBy: error)
                guard cause.isOfFiles else { throw error }
                lost.append(
                    LostSegment(
                        number: entry.number, since: manifest.flushedThrough.rawValue,
                        pointCountMax: entry.rowCount, reason: cause.message))
            }
        }
        try manifest.setLostSegments(lost)
        return segments
    }

    /// Before a batch is applied: it has to find the rows that it replaces.
    private static func removeDamaged(
        _ state: inout WriterState, _ manifest: inout Manifest
    ) throws {
        for segment in state.segments {
            do { try segment.prepareRows() } catch let damage as SegmentDamage {
                state.segments.removeAll { $0 === segment }
                try manifest.setLostSegments(
                    try manifest.lostSegments() + [
                        LostSegment(
                            number: segment.number, since: manifest.flushedThrough.rawValue,
                            pointCountMax: segment.rowCount, reason: damage.cause.message)
                    ])
            }
        }
    }

    /// A batch of the log, decoded and checked against the collection's settings.
    static func batch(
        _ lsn: SequenceNumber, _ bytes: UnsafeRawBufferPointer,
        _ configuration: CollectionConfiguration
    ) throws -> WriteBatch {
        let batch: WriteBatch
        do throws(MalformedBytes) {
            var reader = unsafe ByteReader(bytes)
            batch = try WriteBatch(decoding: &reader)
        } catch {
            throw DatabaseError(error, in: "batch \(lsn) of the log")
        }
        try batch.check(against: configuration, lsn: lsn)
        return batch
    }

    /// The same for bytes that somebody keeps.
    static func batch(
        _ lsn: SequenceNumber, _ bytes: [UInt8], _ configuration: CollectionConfiguration
    ) throws -> WriteBatch {
        try unsafe bytes.withUnsafeBytes { try unsafe batch(lsn, $0, configuration) }
    }

    private static func replay(
        _ lsn: SequenceNumber, _ bytes: UnsafeRawBufferPointer, _ state: inout WriterState,
        _ configuration: CollectionConfiguration, _ context: EngineContext
    ) throws {
        let batch = try unsafe batch(lsn, bytes, configuration)
        if !state.growing.hasRoom(rows: batch.rowCount, blobBytes: batch.blobByteCount) {
            // The batch may have been written where segments were larger.
            let next = try context.makeGrowingSegment(
                number: state.nextSegmentNumber, configuration: configuration,
                rowsAtLeast: batch.rowCount, blobBytesAtLeast: batch.blobByteCount)
            state.nextSegmentNumber += 1
            state.freezeGrowing()
            state.growing = next
            state.segments.append(next)
        }
        batch.apply(lsn: lsn, &state)
    }

    private static func loadDeletions(
        of entry: Manifest.Segment, _ files: CollectionFiles, into segment: SealedSegment,
        fileSystem: any FileSystem
    ) throws {
        guard let path = files.deletions(of: entry) else { return }
        let file = try DeletionFile.read(
            fileSystem: fileSystem, path: path, rowCount: segment.rowCount)
        file.deleted.forEach { segment.deletions.delete($0, at: file.sequenceNumber) }
    }

    static func attributes(
        of manifest: Manifest, directory: String
    ) throws -> CollectionAttributes {
        guard let bytes = manifest.attributes[attributesKey] else {
            throw DatabaseError(
                .corruption, "\(directory): the manifest has no entry `\(attributesKey)`")
        }
        do {
            let attributes = try JSONDecoder().decode(
                CollectionAttributes.self, from: Data(bytes))
            // Sizes are multiplied without looking.
            try attributes.configuration.validate()
            return attributes
        } catch {
            throw DatabaseError(
                .corruption, "\(directory): the manifest's entry `\(attributesKey)`: \(error)")
        }
    }

    static func encoded(_ attributes: CollectionAttributes) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return [UInt8](try encoder.encode(attributes))
    }

    // MARK: Changes of configuration

    /// Changes settings; the new ones are on disk when it returns. Vectors and graphs of segment
    /// files move into memory or out of it in the background.
    public func update(_ change: CollectionConfigurationChange) throws {
        try changeAttributes { attributes in
            attributes.configuration = try attributes.configuration.applying(change)
        }
        let (segments, configuration) = published.withLock {
            ($0.segments, $0.schema.configuration)
        }
        for case let segment as SealedSegment in segments { segment.want(configuration) }
        scheduleMaintenance()
    }

    /// Declares an index on a payload field. Filters use it as far as it is made: of rows that are
    /// there already in the background, of a segment file at the latest by the first filter that
    /// needs it.
    @discardableResult
    public func createPayloadIndex(
        _ field: PayloadPath, _ schema: PayloadFieldSchema
    ) throws -> WriteResult {
        try admitNewIndex(on: field)
        defer { scheduleMaintenance() }
        return try changeAttributes { $0.payloadSchema[field.description] = schema }
    }

    /// Forgets an index on a payload field; nothing happens when there is none.
    @discardableResult
    public func dropPayloadIndex(_ field: PayloadPath) throws -> WriteResult {
        try changeAttributes { $0.payloadSchema[field.description] = nil }
    }

    @discardableResult
    func changeAttributes(
        _ change: (inout CollectionAttributes) throws -> Void
    ) throws -> WriteResult {
        try DatabaseError.translating {
            try manifest.withLock { manifest in
                try checkHasFiles()
                var attributes = published.withLock { $0.schema.attributes }
                try change(&attributes)
                var next = manifest
                next.attributes[Self.attributesKey] = try Self.encoded(attributes)
                let schema = CollectionSchema(attributes)
                try commit(next, replacing: &manifest)
                log.durability = WriteAheadLog.Durability(attributes.configuration.durability)
                return published.withLock { state in
                    state.schema = schema
                    return WriteResult(
                        sequenceNumber: state.lsn, acknowledgement: .completed)
                }
            }
        }
    }

    // MARK: Closing

    /// Lets go of a collection whose files are being removed.
    func abandon() {
        writer.withLock { $0.isClosed = true }
        detach()
        waitUntilAttached()
        stopCompaction()
        waitingWrites.releaseAll()
        versionWaiters.fail(closedError)
        pins.close()
        memoryShare.close()
        waitUntilIdle()
        // Its files are going: what the log still had to write is of no interest.
        try? log.close()
    }

    /// Takes no more writes, waits for those under way, and leaves on disk what a quick start needs.
    ///
    /// Whatever fails on the way, the log is closed at the end: the directory may be opened again as
    /// soon as this returns or throws. Throws the first failure.
    func close() throws {
        let shouldSeal = writer.withLock { state -> Bool in
            guard !state.isClosed else { return false }
            state.isClosed = true
            return state.growing.rowCount >= context.configuration.sealOnCloseRowsMin
        }
        waitUntilAttached()
        stopCompaction()
        defer { detach() }
        waitingWrites.releaseAll()
        versionWaiters.fail(closedError)
        pins.close()
        let failed = published.withLock { $0.failure != nil }
        let sealed = Result { if shouldSeal, !failed { try sealRows() } }
        waitUntilIdle()
        archiveTail()
        let closed = Result { try DatabaseError.translating { try log.close() } }
        try sealed.get()
        try closed.get()
    }
}

extension WriteAheadLog.Durability {
    fileprivate init(_ durability: Durability) {
        switch durability {
        case .sync: self = .sync
        case .async(let delay): self = .async(maxDelayMilliseconds: delay)
        }
    }
}

extension WriteBatch {
    /// Throws when a replayed batch does not fit the collection: kernels trust dimensions.
    fileprivate func check(
        against configuration: CollectionConfiguration, lsn: SequenceNumber
    ) throws {
        for case .put(let point) in effects {
            for (name, vector) in point.dense {
                // A field that was dropped since leaves vectors behind, which nobody reads.
                guard let field = configuration.vectors[name] else { continue }
                guard vector.count == field.dimension else {
                    throw DatabaseError(
                        .corruption,
                        "batch \(lsn) of the log: point \(point.id) has \(vector.count) floats in "
                            + "`\(name)`, expected \(field.dimension)")
                }
            }
        }
    }
}
