internal import ApusCore
private import ApusIndex
internal import ApusKernels
internal import ApusStorage
private import Foundation
private import Synchronization

extension Collection {
    /// The key of `CollectionAttributes` in the manifest.
    private static let attributesKey = "collection"

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
        guard let manifest = try files.store.read() else {
            throw DatabaseError(.corruption, "\(directory): no CURRENT file names a manifest")
        }
        let attributes = try attributes(of: manifest, directory: directory)
        _ = try files.store.removeStrayFiles(keeping: manifest)

        var segments: [any Segment] = []
        for entry in manifest.segments {
            let segment = try SealedSegment(
                path: files.segment(entry.number), fileSystem: fileSystem, number: entry.number,
                replacing: nil, configuration: attributes.configuration)
            try loadDeletions(of: entry, files, into: segment, fileSystem: fileSystem)
            segments.append(segment)
        }
        let growing = try context.makeGrowingSegment(
            number: manifest.nextSegmentNumber, configuration: attributes.configuration)
        var state = WriterState(
            lsn: manifest.flushedThrough, growing: growing, segments: segments + [growing],
            nextSegmentNumber: manifest.nextSegmentNumber + 1)
        var options = WriteAheadLog.Options(logID: manifest.logID)
        // The log is made before the first manifest: without it, batches are lost.
        options.mustExist = true
        let (log, _) = unsafe try WriteAheadLog.open(
            fileSystem: fileSystem, directory: files.logDirectory, after: manifest.flushedThrough,
            options: options
        ) { lsn, bytes in
            try unsafe replay(lsn, bytes, &state, attributes.configuration, context)
        }
        let published = PublishedState(
            lsn: state.lsn, segments: state.segments, schema: CollectionSchema(attributes))
        let collection = Collection(
            name: name, context: context, files: files, log: log, manifest: manifest,
            writer: state, published: published)
        collection.scheduleMaintenance()
        return collection
    }

    private static func replay(
        _ lsn: SequenceNumber, _ bytes: UnsafeRawBufferPointer, _ state: inout WriterState,
        _ configuration: CollectionConfiguration, _ context: EngineContext
    ) throws {
        let batch: WriteBatch
        do {
            var reader = unsafe ByteReader(bytes)
            batch = try WriteBatch(decoding: &reader)
        } catch {
            throw DatabaseError(.corruption, "batch \(lsn) of the log: \(error)")
        }
        try batch.check(against: configuration, lsn: lsn)
        if !state.growing.hasRoom(rows: batch.rowCount, blobBytes: batch.blobByteCount) {
            let next = try context.makeGrowingSegment(
                number: state.nextSegmentNumber, configuration: configuration)
            state.nextSegmentNumber += 1
            state.frozen.append(FrozenSegment(segment: state.growing, lastLSN: state.lsn))
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

    private static func attributes(
        of manifest: Manifest, directory: String
    ) throws -> CollectionAttributes {
        guard let bytes = manifest.attributes[attributesKey] else {
            throw DatabaseError(
                .corruption, "\(directory): the manifest has no entry `\(attributesKey)`")
        }
        do {
            return try JSONDecoder().decode(CollectionAttributes.self, from: Data(bytes))
        } catch {
            throw DatabaseError(
                .corruption, "\(directory): the manifest's entry `\(attributesKey)`: \(error)")
        }
    }

    private static func encoded(_ attributes: CollectionAttributes) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return [UInt8](try encoder.encode(attributes))
    }

    // MARK: Changes of configuration

    /// Changes settings; the new ones are on disk when it returns.
    public func update(_ change: CollectionConfigurationChange) throws {
        try changeAttributes { attributes in
            attributes.configuration = try attributes.configuration.applying(change)
        }
    }

    /// Declares an index on a payload field.
    @discardableResult
    public func createPayloadIndex(
        _ field: PayloadPath, _ schema: PayloadFieldSchema
    ) throws -> WriteResult {
        try changeAttributes { $0.payloadSchema[field.description] = schema }
    }

    /// Forgets an index on a payload field; nothing happens when there is none.
    @discardableResult
    public func dropPayloadIndex(_ field: PayloadPath) throws -> WriteResult {
        try changeAttributes { $0.payloadSchema[field.description] = nil }
    }

    @discardableResult
    private func changeAttributes(
        _ change: (inout CollectionAttributes) throws -> Void
    ) throws -> WriteResult {
        try DatabaseError.translating {
            try manifest.withLock { manifest in
                var attributes = published.withLock { $0.schema.attributes }
                try change(&attributes)
                var next = manifest
                next.attributes[Self.attributesKey] = try Self.encoded(attributes)
                let schema = CollectionSchema(attributes)
                try commit(next, replacing: &manifest)
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
        room.releaseAll()
        waitUntilIdle()
        // Its files are going: what the log still had to write is of no interest.
        try? log.close()
    }

    /// Takes no more writes, waits for those under way, and leaves on disk what a quick start needs.
    func close() throws {
        let shouldSeal = writer.withLock { state -> Bool in
            guard !state.isClosed else { return false }
            state.isClosed = true
            return state.growing.rowCount >= context.configuration.sealOnCloseRowsMin
        }
        room.releaseAll()
        let failed = published.withLock { $0.failure != nil }
        if shouldSeal, !failed { try seal() }
        waitUntilIdle()
        try DatabaseError.translating { try log.close() }
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
